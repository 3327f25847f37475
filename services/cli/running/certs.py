"""``pulse certs``: certificates by which the roles know each other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.cli import output


def certs(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="where they stand, a folder for each role")],
    renew: Annotated[bool, typer.Option("--renew", help="give every role another one, whether or not it ends")] = False,
) -> None:
    """Make an authority for development, and a certificate for each role; run it again to renew what ends."""
    from services.local import certificates
    from shared.clock import SystemClock

    try:
        made = certificates.make(folder, SystemClock().now(), renew=renew)
    except (OSError, ValueError) as error:
        output.fail(f"{folder}: {error}")
    output.say(f"{folder}: {', '.join(made) if made else 'nothing ends soon'}.")
