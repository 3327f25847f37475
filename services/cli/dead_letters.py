"""``pulse dead-letters``: list, show, replay."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli import notification, output, parse
from services.cli.options import Address, ChannelName, Json, NotificationId
from shared.clock import SystemClock

if TYPE_CHECKING:
    from pulse_client import Client, Notification

#: Read in one call.
_PAGE = 500


def _since(text: str) -> dt.datetime:
    """A time, or how long ago: 2026-12-01T09:00Z, 90m."""
    return parse.moment(text) if "-" in text else SystemClock().now() - parse.length(text)


Provider = Annotated[str, typer.Option("--provider", help="only those that this provider refused last")]
FailureCode = Annotated[str, typer.Option("--code", help="only those that failed last with this code")]
Since = Annotated[
    dt.datetime | None,
    typer.Option("--since", parser=_since, metavar="TIME|LENGTH", help="died then or later: 2026-12-01T09:00Z, 2h"),
]
Until = Annotated[
    dt.datetime | None, typer.Option("--until", parser=_since, metavar="TIME|LENGTH", help="died before: as --since")
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

    wanted = _filter(channel, provider, code, since, until)
    with gateway(address) as client:
        found = list(islice(_letters(client, wanted, min(limit, _PAGE)), limit))
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
    dry_run: Annotated[bool, typer.Option("--dry-run", help="count only")] = False,
    json: Json = False,
    address: Address = "",
) -> None:
    """Send dead letters on their way again, by id, or all that match, one after another."""
    from services.cli.connect import gateway

    named = notification_ids or []
    narrowed = any((channel, provider, code, since, until, dry_run))
    if every == bool(named):
        raise typer.BadParameter("give ids, or --all")
    if named and narrowed:
        raise typer.BadParameter("filters and --dry-run go with --all, not with ids")
    with gateway(address) as client:
        if named:
            _replay_named(client, named, json)
        else:
            _replay_all(client, _filter(channel, provider, code, since, until), rate, dry_run, json)


def _replay_named(client: Client, notification_ids: list[str], json: bool) -> None:
    replayed = [_replay_one(client, notification_id) for notification_id in notification_ids]
    if json:
        output.print_json(replayed)
        return
    for one in replayed:
        output.say(f"{one.notification_id} {one.status}")


def _replay_all(client: Client, wanted: Any, rate: int, dry_run: bool, json: bool) -> None:
    answer = _call(client, "ReplayDeadLetters", filter=wanted, rate_per_second=rate, dry_run=dry_run)
    last = answer.last_due_time.ToDatetime(tzinfo=dt.UTC) if answer.HasField("last_due_time") else None
    if json:
        output.print_json({"matched": answer.matched, "replayed": answer.replayed, "last_due_time": last})
    elif dry_run:
        length = dt.timedelta(seconds=answer.matched / rate)
        output.say(f"{answer.matched} would be replayed, in {output.printable(length)}")
    else:
        output.say(f"{answer.replayed} of {answer.matched} are on their way" + _until(last))
        if answer.replayed < answer.matched:
            output.say("run it again then for the rest: one call replays no more than it has time for")


def _until(last: dt.datetime | None) -> str:
    return f", the last of them at {output.printable(last)}" if last else ""


def _letters(client: Client, wanted: Any, size: int) -> Iterator[Notification]:
    """All that match, page by page."""
    from pulse_client import read

    token = ""
    while True:
        page = _call(client, "ListDeadLetters", filter=wanted, page_size=size, page_token=token)
        yield from map(read.notification, page.dead_letters)
        token = page.next_page_token
        if not token:
            return


def _replay_one(client: Client, notification_id: str) -> Notification:
    from pulse_client import read

    return read.notification(_call(client, "ReplayDeadLetter", notification_id=notification_id))


def _filter(channel: str, provider: str, code: str, since: dt.datetime | None, until: dt.datetime | None) -> Any:
    from pulse.common.v1 import enums_pb2
    from pulse.gateway.v1 import operations_service_pb2 as api
    from shared.times import to_timestamp

    return api.DeadLetterFilter(
        channel=enums_pb2.Channel.Value(channel) if channel else enums_pb2.CHANNEL_UNSPECIFIED,
        provider=provider,
        failure_code=code,
        died_after=to_timestamp(since),
        died_before=to_timestamp(until),
    )


def _call(client: Client, method: str, **fields: Any) -> Any:
    """One of the operations, which the client has no method of its own for."""
    from pulse.gateway.v1 import operations_service_pb2 as api
    from pulse.gateway.v1.operations_service_pb2_grpc import OperationsServiceStub
    from pulse_client.calls import Call

    request = getattr(api, f"{method}Request")(**fields)
    return client._call(Call(OperationsServiceStub, method, request, lambda answer: answer))
