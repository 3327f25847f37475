"""``pulse cancel``: one, or all that match."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli import output, parse
from services.cli.dead_letters import ago
from services.cli.options import Address, ChannelName, Json

if TYPE_CHECKING:
    from pulse_client import Client
    from pulse_client.calls_operations import Waiting


def cancel(
    notification_id: Annotated[str, typer.Argument(metavar="[ID]", help="a notification's id")] = "",
    user: Annotated[str, typer.Option("--user", help="all of this user's")] = "",
    template: Annotated[str, typer.Option("--template", help="all made from this template")] = "",
    category: Annotated[str, typer.Option("--category", help="all of this category")] = "",
    channel: ChannelName = "",
    key: Annotated[str, typer.Option("--key", help="what was sent with this idempotency key")] = "",
    label: Annotated[list[str], typer.Option("--label", metavar="NAME=TEXT", help="all with this label")] = [],  # noqa: B006
    since: Annotated[
        dt.datetime | None,
        typer.Option(
            "--since", parser=ago, metavar="TIME|LENGTH", help="accepted then or later: 2026-12-01T09:00Z, 2h"
        ),
    ] = None,
    until: Annotated[
        dt.datetime | None,
        typer.Option("--until", parser=ago, metavar="TIME|LENGTH", help="accepted before: as --since"),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="count only")] = False,
    json: Json = False,
    address: Address = "",
) -> None:
    """Take back a notification, or all that match, before they are sent."""
    from services.cli.connect import gateway

    waiting: Waiting = {
        "user_id": user,
        "channel": channel,
        "template": template,
        "category": category,
        "idempotency_key": key,
        "metadata": parse.labels(label, "--label"),
        "created_after": since,
        "created_before": until,
    }
    narrowed = any(waiting.values()) or dry_run
    if bool(notification_id) == narrowed:
        raise typer.BadParameter("give an id, or say with options which")
    with gateway(address) as client:
        if notification_id:
            _one(client, notification_id, json)
        else:
            _many(client, waiting, dry_run, json)


def _one(client: Client, notification_id: str, json: bool) -> None:
    notification = client.cancel(notification_id)
    if json:
        output.print_json(notification)
    else:
        output.say(str(notification.status))


def _many(client: Client, waiting: Waiting, dry_run: bool, json: bool) -> None:
    answer = client.cancel_many(dry_run, **waiting)
    if json:
        output.print_json(answer)
    elif dry_run:
        output.say(f"{answer.matched} would be taken back")
    else:
        output.say(f"{answer.cancelled} of {answer.matched} taken back")
        if answer.cancelled < answer.matched:
            output.say("others were sent meanwhile, or one call had no time for them: run it again for the rest")
