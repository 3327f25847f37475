"""What no provider would carry is refused at the door, by whatever way it comes in, and what they carry is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pulse.common.v1 import enums_pb2
from pulse.gateway.v1 import compatibility_service_pb2, notification_service_pb2
from pulse.gateway.v1.template_service_pb2 import PreviewTemplateRequest
from shared.errors import Code
from shared.rpc.statuses import from_status
from tests.gateway import fakes
from tests.gateway.conftest import Client, refusal, request

SMS = {"template_name": "sms", "to": "+15551234567"}
PUSH = {"template_name": "push", "to": "token"}
EMOJI = "\U0001f600"

#: A push as FCM counts it, without title and text: {"notification":{"title":"Alert","body":""},"data":{...}}.
FRAME = len(
    json.dumps(
        {"notification": {"title": "Alert", "body": ""}, "data": {"notification_id": "0" * 36}}, separators=(",", ":")
    )
)
ROOM = 4096 - FRAME

CARRIED: list[tuple[dict[str, Any], str]] = [
    (SMS, "x" * 1600),
    (SMS, "é" * 1600),
    (SMS, "ж" * 1600),
    (SMS, EMOJI * 800),
    (SMS, "."),
    (SMS, "\u200b.\u200b"),
    (PUSH, "x" * ROOM),
    (PUSH, '"' * (ROOM // 2)),
    (PUSH, "\n" * (ROOM // 2)),
    (PUSH, "\x01" * (ROOM // 6)),
    (PUSH, "é" * (ROOM // 2)),
    (PUSH, EMOJI * (ROOM // 4)),
    (PUSH, " "),
]
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    (SMS, "x" * 1601, "SMS_TOO_LONG"),
    (SMS, "é" * 1601, "SMS_TOO_LONG"),
    (SMS, "ж" * 1601, "SMS_TOO_LONG"),
    (SMS, EMOJI * 800 + "x", "SMS_TOO_LONG"),
    (SMS, " " * 1601 + "x", "SMS_TOO_LONG"),
    (SMS, "x" * 60_000, "SMS_TOO_LONG"),
    (SMS, "", "SMS_EMPTY"),
    (SMS, " \n\t\r ", "SMS_EMPTY"),
    (SMS, "\u00a0\u2003\u3000\u2028", "SMS_EMPTY"),
    (SMS, "\u200b\u200d\ufeff\u2060\u00ad\u202e\u180e", "SMS_EMPTY"),
    (SMS, "\u3164\u115f\u2800\ufe0f\u034f\U000e0020\U000e0100", "SMS_EMPTY"),
    (SMS, "\x01\x7f\x85", "SMS_EMPTY"),
    (PUSH, "x" * (ROOM + 1), "PUSH_TOO_LARGE"),
    (PUSH, '"' * (ROOM // 2 + 1), "PUSH_TOO_LARGE"),
    (PUSH, "\\" * 2100, "PUSH_TOO_LARGE"),
    (PUSH, "\n" * 2100, "PUSH_TOO_LARGE"),
    (PUSH, "\x01" * 700, "PUSH_TOO_LARGE"),
    (PUSH, "é" * (ROOM // 2 + 1), "PUSH_TOO_LARGE"),
    (PUSH, EMOJI * (ROOM // 4 + 1), "PUSH_TOO_LARGE"),
]


@pytest.fixture(autouse=True)
def templates(peers: fakes.Peers) -> None:
    """Templates that say what the context holds."""
    mail = fakes.template("mail", enums_pb2.EMAIL, "Hello")
    mail.contents[0].channel = enums_pb2.EMAIL
    for channel in (enums_pb2.SMS, enums_pb2.PUSH):
        mail.contents.add(channel=channel, subject="Alert", body="{{ text }}")
    peers.store(
        fakes.template("sms", enums_pb2.SMS, "{{ text }}"),
        fakes.template("push", enums_pb2.PUSH, "{{ text }}", subject="Alert"),
        mail,
    )


def way_by_fallback(fields: dict[str, Any], text: str) -> notification_service_pb2.SendNotificationRequest:
    """A mail that would move on to the same."""
    channel = {"sms": enums_pb2.SMS, "push": enums_pb2.PUSH}[fields["template_name"]]
    fallback = {"channel": channel, "to": fields["to"]}
    return request(template_name="mail", to="a@example.com", context={"text": text}, fallbacks=[fallback])


@pytest.mark.parametrize("fields, text", CARRIED)
async def test_what_providers_take_is_taken(
    client: Client, peers: fakes.Peers, fields: dict[str, Any], text: str
) -> None:
    await client.send(**fields, context={"text": text})
    await client.notifications.SendNotification(way_by_fallback(fields, text))
    assert len(peers.router.submissions) == 2


@pytest.mark.parametrize("fields, text, reason", REFUSED)
async def test_what_providers_would_refuse_is_refused_at_every_door(
    client: Client, peers: fakes.Peers, fields: dict[str, Any], text: str, reason: str
) -> None:
    told = request(**fields, context={"text": text})
    errors = [
        await refusal(client.notifications.SendNotification(told)),
        await refusal(client.send(**fields, context={"text": text}, validate_only=True)),
        await refusal(client.notifications.SendNotification(way_by_fallback(fields, text))),
        await refusal(client.original.Send(original(fields, text))),
    ]
    preview = PreviewTemplateRequest(name=fields["template_name"])
    preview.context.update({"text": text})
    errors.append(await refusal(client.templates.PreviewTemplate(preview)))
    batch = await client.notifications.BatchSendNotifications(
        notification_service_pb2.BatchSendNotificationsRequest(requests=[told, request()])
    )
    errors.append(from_status(batch.results[0].error))
    assert [(error.code, error.reason) for error in errors] == [(Code.INVALID_ARGUMENT, reason)] * 6
    assert {violation.field for error in errors for violation in error.violations} == {"context"}
    assert [submission.asked.template_name for submission in peers.router.submissions] == ["welcome"], (
        "the batch's other"
    )


@pytest.mark.parametrize("body", ["{{ text }}" * 80, "{{ list }}" * 80, "{{ text }}" * 79 + "{{ number }}" * 9])
async def test_an_email_that_would_grow_too_large_is_refused(client: Client, peers: fakes.Peers, body: str) -> None:
    """Each of its values is small; what they make together is not."""
    peers.store(fakes.template("grown", enums_pb2.EMAIL, body, subject="Hello"))
    context = {"text": "x" * 4_000, "list": ["x" * 3_900], "number": 1.5}
    error = await refusal(client.send(template_name="grown", context=context, validate_only=True))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, "RENDER_LIMIT")
    assert [violation.field for violation in error.violations] == ["context"]


async def test_a_title_of_the_requests_own_counts_too(client: Client, peers: fakes.Peers) -> None:
    room = ROOM - len("x" * 800) + len("Alert")
    await client.send(**PUSH, subject="x" * 800, context={"text": "y" * room})
    error = await refusal(client.send(**PUSH, subject="x" * 800, context={"text": "y" * (room + 1)}))
    assert error.reason == "PUSH_TOO_LARGE"
    await refusal(client.send(**PUSH, subject='"' * 800, context={"text": "y" * room}))


def original(fields: dict[str, Any], text: str) -> compatibility_service_pb2.SendRequest:
    """The same wish in the original Pulse's words."""
    asked = compatibility_service_pb2.SendRequest(user_id="u", template_name=fields["template_name"], to=fields["to"])
    asked.context.update({"text": text})
    return asked
