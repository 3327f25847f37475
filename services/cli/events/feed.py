"""``pulse events``: what happened to all notifications, and beside them."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli import output
from services.cli.options import Address, Json

if TYPE_CHECKING:
    from pulse_client import FeedEvent


def events(
    after: Annotated[
        str, typer.Option("--after", metavar="POSITION", help="behind this event; latest: from now on")
    ] = "",
    types: Annotated[
        list[str],
        typer.Option("--type", metavar="TYPE", help="only these, notification.failed say; may be given often"),
    ] = [],  # noqa: B006  # typer makes a new list for each run
    follow: Annotated[bool, typer.Option("--follow", "-f", help="go on with what comes, until interrupted")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="how many at the most; not with --follow")] = 1000,
    json: Json = False,
    address: Address = "",
) -> None:
    """List events, oldest first; one a line, as they come.

    --json tells all of each, also the position to go on from.
    """
    from services.cli.connect import gateway

    with gateway(address) as client:
        listed = islice(client.list_events(after, types, page_size=min(limit, 1000)), limit)
        for event in client.stream_events(after, types) if follow else listed:
            print(output.to_json(event) if json else _line(event), flush=True)


def _line(event: FeedEvent) -> str:
    data = event.data
    about = event.notification_id or data.get("template_name") or data.get("user_id") or ""
    failure = data.get("failure", {}).get("code", "")
    return "  ".join(
        output.printable(cell) for cell in (event.time, f"{event.type:<24}", about, data.get("user_id", ""), failure)
    ).rstrip()
