"""``pulse up``, ``status`` and ``clean-data``: the whole suite on this machine."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from services.cli import output
from services.cli.options import Json


def up() -> None:
    """Start all of Pulse on this machine, and run it until Ctrl-C."""
    from services.local import up as suite
    from services.local.config import LocalSettings

    raise typer.Exit(suite.run(LocalSettings.load_or_exit()))


def status(json: Json = False) -> None:
    """Show the roles of the local run; exit status 0 if all are ready, else 1."""
    from services.local import status as run
    from services.local.config import LocalSettings

    rows = run.report(LocalSettings.load_or_exit())
    if json:
        output.print_json([asdict(row) for row in rows])
    else:
        output.print_table(
            ("ROLE", "STATE", "PID", "ADDRESS"), [(row.role, row.state, row.pid, row.address) for row in rows]
        )
    raise typer.Exit(0 if run.all_ready(rows) else 1)


def clean_data(yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask")] = False) -> None:
    """Remove the local run's data: its notifications, templates and receipts. Logs stay."""
    from services.local import data
    from services.local.config import LocalSettings
    from services.local.errors import LocalError
    from services.local.home import Home

    settings = LocalSettings.load_or_exit()
    if not yes:
        typer.confirm(f"Remove all data in {Home.of(settings).data}?", abort=True, err=True)
    try:
        data.forget(settings)
    except LocalError as error:
        output.fail(str(error), error.status)
    output.say("Removed.")
