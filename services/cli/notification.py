"""``pulse get``, ``list``, ``watch`` and ``acknowledge``."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli import output, parse
from services.cli.options import Address, ChannelName, Json, NotificationId

if TYPE_CHECKING:
    from pulse_client import DeviceAttempt, Event, Notification


def get(notification_id: NotificationId, json: Json = False, address: Address = "") -> None:
    """Show a notification: where it stands, and all that happened to it."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        notification = client.get(notification_id)
    if json:
        output.print_json(notification)
    else:
        _print_notification(notification)


def list_(
    user: Annotated[str, typer.Option("--user", help="only this user's")] = "",
    status: Annotated[
        str, typer.Option("--status", parser=parse.status, metavar="STATUS", help="only those that stand here")
    ] = "",
    channel: ChannelName = "",
    template: Annotated[str, typer.Option("--template", help="only those made from this template")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, help="how many at the most")] = 50,
    json: Json = False,
    address: Address = "",
) -> None:
    """List notifications, newest first."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        pages = client.list(user_id=user, status=status, channel=channel, template=template, page_size=min(limit, 1000))
        found = list(islice(pages, limit))
    if json:
        output.print_json(found)
        return
    output.print_table(
        ("ID", "ACCEPTED", "STATUS", "CHANNEL", "TEMPLATE", "USER", "ATTEMPTS"),
        [
            (n.notification_id, n.create_time, n.status, n.channel, n.template_name, n.user_id, n.attempt_count)
            for n in found
        ],
    )


def watch(notification_id: NotificationId, json: Json = False, address: Address = "") -> None:
    """Follow a notification until it is sent or has ended; exit status 1 if it was not sent."""
    from services.cli.connect import gateway

    event = None
    with gateway(address) as client:
        for event in client.watch(notification_id):
            print(output.to_json(event) if json else _line(event), flush=True)
    if event and not event.status.is_success:
        raise typer.Exit(1)


def acknowledge(notification_id: NotificationId, json: Json = False, address: Address = "") -> None:
    """Say that a notification has arrived, where the provider does not."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        notification = client.acknowledge(notification_id)
    if json:
        output.print_json(notification)
    else:
        output.say(str(notification.status))


def _print_notification(notification: Notification) -> None:
    output.print_fields(
        {
            "id": notification.notification_id,
            "status": notification.status,
            "failure": notification.failure and f"{notification.failure.code}: {notification.failure.message}",
            "user": notification.user_id,
            "to": notification.to,
            "channel": notification.channel,
            "then by": ", ".join(fallback.channel for fallback in notification.fallbacks),
            "told by": notification.collapsed_into,
            "template": f"{notification.template_name} (version {notification.template_version})",
            "priority": notification.priority,
            "locale": notification.locale,
            "provider": notification.provider,
            "attempts": f"{notification.attempt_count} of {notification.max_attempts}",
            "accepted": notification.create_time,
            "send at": notification.send_at,
            "next attempt": notification.next_attempt_time,
            "expires": notification.expires_at,
            "sent": notification.sent_time,
            "delivered": notification.delivered_time,
            "key": notification.idempotency_key,
            "labels": dict(notification.metadata),
            "trace": notification.trace_id,
        }
    )
    if notification.timeline:
        print()
        output.print_table(
            ("", "TIME", "WHAT", "STATUS", "ATTEMPT", "PROVIDER", "DETAILS"),
            [
                (e.sequence, e.time, e.kind, e.status, e.attempt or "", e.provider, _details(e))
                for e in notification.timeline
            ],
        )


def _line(event: Event) -> str:
    time = output.printable(event.time)
    return f"{time}  {event.kind:<16} {event.status:<12} {output.printable(_details(event))}".rstrip()


def _details(event: Event) -> str:
    """What an event says besides its columns, short."""
    told = [f"{decision.rule} {decision.result}: {decision.reason.rstrip('.')}" for decision in event.decisions]
    if event.outcome != "UNSPECIFIED":
        told.append(event.outcome.lower() + (f" in {output.printable(event.latency)}" if event.latency else ""))
    if event.failure:
        told.append(f"{event.failure.code}: {event.failure.message}")
    told += [_device(one) for one in event.devices if one.outcome != "UNSPECIFIED"]
    if event.next_attempt_time:
        told.append(f"next at {output.printable(event.next_attempt_time)}")
    if event.actor:
        told.append(f"by {event.actor}")
    return "; ".join(told)


def _device(attempt: DeviceAttempt) -> str:
    """What became of one of several devices, short."""
    failed = f" ({attempt.failure.code})" if attempt.failure else ""
    forgotten = ", forgotten" if attempt.forgotten else ""
    return f"device {attempt.device_token_id} by {attempt.provider}: {attempt.outcome.lower()}{failed}{forgotten}"
