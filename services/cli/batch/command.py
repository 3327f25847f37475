"""``pulse batch``."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli import output, parse
from services.cli.options import Address, ChannelName, Json, Locale, PriorityName

if TYPE_CHECKING:
    from pulse_client import Client
    from services.cli.batch.file import BatchFile
    from services.cli.batch.tally import Tally

#: How long a row that is limited waits unless told otherwise.
PATIENCE = dt.timedelta(minutes=2)


def batch(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="a .csv or .jsonl file")],
    template: Annotated[str, typer.Option("--template", help="for rows that name none")] = "",
    channel: ChannelName = "",
    priority: PriorityName = "",
    locale: Locale = "",
    patience: Annotated[
        dt.timedelta | None,
        typer.Option("--patience", parser=parse.length, metavar="LENGTH", help="how long a limited row waits: 2m"),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="send all rows, even if this file was sent before")] = False,
    json: Json = False,
    address: Address = "",
) -> None:
    """Send a file of notifications, a row each.

    CSV: the columns user_id, to, template_name, channel, idempotency_key, priority, locale, subject, send_at,
    expires_at, ttl, delivery_guarantee, validate_only and metadata.NAME; every other column is a variable of the
    template, named as it is or context.NAME. Without a column to, there has to be channel or --channel push. Commas,
    semicolons or tabs between the cells; UTF-8, or UTF-16 with a byte order mark. JSONL: an object a line, with the
    fields that REST takes.

    The same file sent again makes nothing twice. Rows that failed go to FILE.errors.jsonl, which can be put right
    and sent in its turn; exit status 1 if there are any, 2 if the file itself cannot be read.
    """
    from services.cli.batch.file import BadFile, BatchFile
    from services.cli.connect import gateway

    defaults = {"template_name": template, "channel": channel, "priority": priority, "locale": locale}
    try:
        rows = BatchFile(file, fresh_keys=again, channel=channel)
    except (BadFile, OSError) as error:
        output.fail(str(error), 2)
    said = {name: text for name, text in defaults.items() if text}
    with gateway(address) as client:
        try:
            tally = _run(client, rows, said, patience or PATIENCE, file)
        except OSError as error:  # of the errors file: the client's own errors are none
            output.fail(f"{error.filename or file}: {error.strerror}; the same file sent again makes nothing twice")
    if json:
        output.print_json(tally.summary)
    for sentence in tally.failures:
        output.say(sentence)
    output.say(tally.sentence)
    raise typer.Exit(0 if tally.is_complete else 1)


def _run(client: Client, rows: BatchFile, defaults: dict[str, str], patience: dt.timedelta, file: Path) -> Tally:
    from services.cli.batch.run import BatchRun, Stopped
    from services.cli.batch.tally import Tally
    from services.cli.connect import sentence
    from services.cli.progress import bar

    with bar(rows.total) as advance, Tally(rows.total, file.with_name(file.name + ".errors.jsonl"), advance) as tally:
        try:
            BatchRun(client, patience.total_seconds(), tally.take).run(rows.rows(defaults))
        except Stopped as stopped:
            tally.stop(sentence(stopped.error, client.address))
    return tally
