"""``pulse send``."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli import attachments, output, parse
from services.cli.options import Address, ChannelName, Context, Json, Locale, PriorityName, Variables

if TYPE_CHECKING:
    from pulse_client import Client, Sent, SmsSize

#: How long ``--wait`` waits, s.
LONGEST_WAIT_S = 300.0

Copies = Annotated[list[str], typer.Option(metavar="ADDRESS", help="who gets a copy of an email; many times")]
At = Annotated[
    dt.datetime | None,
    typer.Option("--at", parser=parse.moment, metavar="TIME", help="not before: 2026-12-01T09:00Z"),
]
Ttl = Annotated[
    dt.timedelta | None,
    typer.Option("--ttl", parser=parse.length, metavar="LENGTH", help="give up after: 90s, 10m, 1h30m, 2d"),
]
Fallbacks = Annotated[
    list[str],
    typer.Option("--fallback", metavar="CHANNEL[:TO][@LENGTH]", help="where to next if it does not arrive in time"),
]
Files = Annotated[
    list[str], typer.Option("--attach", metavar="FILE|ID", help="a file, or the id of one that was uploaded")
]
Pictures = Annotated[
    list[str], typer.Option("--inline", metavar="NAME=FILE|ID", help="a picture that the HTML shows as cid:NAME")
]
Links = Annotated[
    list[str], typer.Option("--attach-link", metavar="FILE|ID", help="a file of which a link is sent, which ends")
]


def send(
    template: Annotated[str, typer.Argument(help="the template's name")],
    user: Annotated[str, typer.Option("--user", help="whom, in your own terms")],
    to: Annotated[
        str,
        typer.Option("--to", help="a mail address, a phone number (+49...), a device token; else the user's devices"),
    ] = "",
    channel: ChannelName = "",
    context: Context = "",
    var: Variables = [],  # noqa: B006  # typer makes a new list for each run
    key: Annotated[str, typer.Option("--key", help="idempotency key; one key makes one notification")] = "",
    priority: PriorityName = "",
    at: At = None,
    ttl: Ttl = None,
    locale: Locale = "",
    subject: Annotated[str, typer.Option("--subject", help="in place of the template's subject or title")] = "",
    sender: Annotated[str, typer.Option("--sender", help="who it comes from: a registered sender's name")] = "",
    cc: Copies = [],  # noqa: B006
    bcc: Copies = [],  # noqa: B006
    label: Annotated[list[str], typer.Option("--label", metavar="NAME=TEXT", help="a label of your own")] = [],  # noqa: B006
    fallback: Fallbacks = [],  # noqa: B006
    attach: Files = [],  # noqa: B006
    inline: Pictures = [],  # noqa: B006
    attach_link: Links = [],  # noqa: B006
    at_most_once: Annotated[bool, typer.Option(help="never try again when a provider did not answer")] = False,
    check: Annotated[bool, typer.Option("--check", help="check everything, send nothing")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="wait until it is sent, or has failed")] = False,
    json: Json = False,
    address: Address = "",
) -> None:
    """Send one notification; prints its id."""
    variables, labels = parse.variables(context, var), parse.labels(label, "--label")
    fallbacks = [parse.fallback(text) for text in fallback]
    files = [attachments.given(text) for text in attach]
    files += [attachments.given(text, as_link=True) for text in attach_link]
    files += [attachments.given(text, name) for name, text in parse.labels(inline, "--inline").items()]
    from pulse_client import Fallback
    from services.cli.connect import gateway

    with gateway(address) as client:
        sent = client.send(
            user_id=user,
            template=template,
            to=to,
            context=variables,
            channel=channel,
            idempotency_key=key,
            priority=priority,
            send_at=at,
            ttl=ttl,
            locale=locale,
            subject=subject,
            sender=sender,
            email={"cc": cc, "bcc": bcc} if cc or bcc else None,
            metadata=labels,
            attachments=[attachments.sendable(client, file) for file in files],
            fallbacks=[Fallback(*one) for one in fallbacks],
            at_most_once=at_most_once,
            validate_only=check,
        )
        _show(client, sent, json, wait and not check)


def _size(sms: SmsSize) -> str:
    why = f", as the short alphabet lacks {output.printable(sms.unicode_character)!r}" if sms.unicode_character else ""
    return f"SMS: {sms.segments} segment{'s' if sms.segments != 1 else ''} in {sms.encoding}{why}"


def _show(client: Client, sent: Sent, json: bool, wait: bool) -> None:
    if not json:
        print(sent.notification_id or "valid", flush=True)
    notification = client.wait(sent.notification_id, LONGEST_WAIT_S) if wait else None
    if json:
        output.print_json(notification or sent)
    elif sent.notification_id:
        status = notification.status if notification else sent.status
        output.say(f"{status}{' (its key was known: this is the first one)' if sent.replayed else ''}")
    if sent.sms and not json:
        output.say(_size(sent.sms))
    if notification and not notification.status.is_success:
        raise typer.Exit(1)
