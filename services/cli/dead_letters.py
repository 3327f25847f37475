"""``pulse dead-letters``: list, show, replay."""

from __future__ import annotations

import datetime as dt
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli import notification, output, parse
from services.cli.options import Address, ChannelName, Json, NotificationId
from shared.clock import SystemClock

if TYPE_CHECKING:
    from pulse_client import Client, Replay
    from pulse_client.calls_operations import Deaths

#: Read in one call.
_PAGE = 500


def ago(text: str) -> dt.datetime:
    """A time, or how long ago: 2026-12-01T09:00Z, 90m."""
    return parse.moment(text) if "-" in text else SystemClock().now() - parse.length(text)


Provider = Annotated[str, typer.Option("--provider", help="only those that this provider refused last")]
FailureCode = Annotated[str, typer.Option("--code", help="only those that failed last with this code")]
Since = Annotated[
    dt.datetime | None,
    typer.Option("--since", parser=ago, metavar="TIME|LENGTH", help="died then or later: 2026-12-01T09:00Z, 2h"),
]
Until = Annotated[
    dt.datetime | None,
    typer.Option("--until", parser=ago, metavar="TIME|LENGTH", help="died before: as --since"),
]


def build() -> typer.Typer:
    """The group of commands."""
    tree = typer.Typer(help="Look at what failed for good, and send it on its way again.", no_args_is_help=True)
    for name, command in (("list", list_), ("show", show), ("replay", replay)):
        tree.command(name)(command)
    return tree


def list_(
    channel: ChannelName = "",
    provider: Provider = "",
    code: FailureCode = "",
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="how many at the most")] = 50,
    json: Json = False,
    address: Address = "",
) -> None:
    """List dead letters, the last to die first."""
    from services.cli.connect import gateway

    wanted = _deaths(channel, provider, code, since, until)
    with gateway(address) as client:
        found = list(islice(client.list_dead_letters(min(limit, _PAGE), **wanted), limit))
    if json:
        output.print_json(found)
        return
    output.print_table(
        ("ID", "CHANGED", "STATUS", "CHANNEL", "PROVIDER", "CODE", "ATTEMPTS", "TEMPLATE"),
        [
            (
                *(n.notification_id, n.update_time, n.status, n.channel, n.provider),
                *(n.failure.code if n.failure else "", n.attempt_count, n.template_name),
            )
            for n in found
        ],
    )


def show(notification_id: NotificationId, json: Json = False, address: Address = "") -> None:
    """Show one: what became of each of its attempts."""
    notification.get(notification_id, json, address)


def replay(
    notification_ids: Annotated[list[str] | None, typer.Argument(metavar="ID...", help="notifications' ids")] = None,
    every: Annotated[bool, typer.Option("--all", help="all that the options below leave, instead of ids")] = False,
    channel: ChannelName = "",
    provider: Provider = "",
    code: FailureCode = "",
    since: Since = None,
    until: Until = None,
    rate: Annotated[int, typer.Option("--rate", min=1, max=10_000, help="so many in a second")] = 100,
    newest: Annotated[
        bool, typer.Option("--newest-template", help="with the newest versions of their templates, not their own")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="count only")] = False,
    json: Json = False,
    address: Address = "",
) -> None:
    """Send dead letters on their way again, by id, or all that match, one after another."""
    from services.cli.connect import gateway

    named = notification_ids or []
    template = "NEWEST" if newest else None
    narrowed = any((channel, provider, code, since, until, dry_run))
    if every == bool(named):
        raise typer.BadParameter("give ids, or --all")
    if named and narrowed:
        raise typer.BadParameter("filters and --dry-run go with --all, not with ids")
    with gateway(address) as client:
        if named:
            _replay_named(client, named, template, json)
        else:
            answer = client.replay_dead_letters(
                rate, dry_run, template, **_deaths(channel, provider, code, since, until)
            )
            _tell_replay(answer, rate, dry_run, json)


def _replay_named(client: Client, notification_ids: list[str], template: str | None, json: bool) -> None:
    replayed = [client.replay_dead_letter(notification_id, template) for notification_id in notification_ids]
    if json:
        output.print_json(replayed)
        return
    for one in replayed:
        output.say(f"{one.notification_id} {one.status}")


def _tell_replay(answer: Replay, rate: int, dry_run: bool, json: bool) -> None:
    if json:
        output.print_json(answer)
    elif dry_run:
        length = dt.timedelta(seconds=answer.matched / rate)
        output.say(f"{answer.matched} would be replayed, in {output.printable(length)}")
    else:
        output.say(f"{answer.replayed} of {answer.matched} are on their way" + _until(answer.last_due_time))
        if answer.replayed < answer.matched:
            output.say("run it again then for the rest: one call replays no more than it has time for")


def _until(last: dt.datetime | None) -> str:
    return f", the last of them at {output.printable(last)}" if last else ""


def _deaths(channel: str, provider: str, code: str, since: dt.datetime | None, until: dt.datetime | None) -> Deaths:
    return {
        "channel": channel,
        "provider": provider,
        "failure_code": code,
        "died_after": since,
        "died_before": until,
    }
