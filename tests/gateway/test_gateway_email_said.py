"""What no mail server should see of an email is refused at the door; and SMS beyond what was allowed."""

from __future__ import annotations

from typing import Any

import pytest

from pulse.common.v1 import enums_pb2
from pulse.gateway.v1.template_service_pb2 import PreviewTemplateRequest
from tests.gateway import fakes
from tests.gateway.conftest import Client, refusal

SMS: dict[str, Any] = {"template_name": "text", "to": "+15551234567"}


@pytest.fixture(autouse=True)
def text(peers: fakes.Peers) -> None:
    peers.store(fakes.template("text", enums_pb2.SMS, "{{ text }}"))


@pytest.mark.parametrize(
    "name",
    [
        "X-Campaign",
        "x-a",
        "In-Reply-To",
        "references",
        "Precedence",
        "AUTO-SUBMITTED",
        "Feedback-ID",
        "X-Entity-Ref-ID",
    ],
)
async def test_headers_that_callers_may_set(client: Client, name: str) -> None:
    await client.send(email={"headers": {name: "<a@example.com>"}})


@pytest.mark.parametrize(
    "name",
    [
        *("Bcc", "bcc", "To", "From", "Subject", "Received", "DKIM-Signature", "Content-Type", "Return-Path", "Sender"),
        *(
            "X-",
            "X-Pulse-Notification-Id",
            "X-SES-CONFIGURATION-SET",
            "x-smtpapi",
            "X-A: b",
            "X A",
            "X-Ä",
            "List-Unsubscribe",
        ),
    ],
)
async def test_any_other_header_is_refused(client: Client, name: str) -> None:
    error = await refusal(client.send(email={"headers": {name: "x", "X-Fine": "y"}}))
    assert (error.reason, [one.field for one in error.violations]) == ("HEADER_NOT_ALLOWED", [f"email.headers.{name}"])


@pytest.mark.parametrize(
    ("email", "reason"),
    [
        ({"headers": {"References": "ä"}}, "HEADER_INVALID"),
        ({"headers": {"Precedence": "bulk  twice"}}, "HEADER_INVALID"),
        ({"headers": {"Feedback-ID": ""}}, "HEADER_INVALID"),
        ({"headers": {"X-A": "1", "x-a": "2"}}, "HEADER_REPEATED"),
        ({"headers": {"X-A": "x" * 999}}, "INVALID_FIELDS"),
        ({"headers": {f"X-{n}": "x" for n in range(33)}}, "INVALID_FIELDS"),
        ({"preheader": "x" * 999}, "INVALID_FIELDS"),
    ],
)
async def test_bad_input_has_its_reason(client: Client, email: dict[str, Any], reason: str) -> None:
    assert (await refusal(client.send(email=email))).reason == reason


@pytest.mark.parametrize(
    "address", ["nobody", "a@b@c.example.com", "Ada <ada@example.com>", "a@example.com,b@example.com"]
)
async def test_answers_go_to_one_mail_address(client: Client, address: str) -> None:
    error = await refusal(client.send(email={"reply_to": address}))
    assert [one.field for one in error.violations] == ["email.reply_to"]


async def test_more_segments_than_allowed_are_refused_and_nothing_is_cut(client: Client, peers: fakes.Peers) -> None:
    await client.send(**SMS, context={"text": "x" * 160}, sms={"max_segments": 1})
    error = await refusal(client.send(**SMS, context={"text": "x" * 161}, sms={"max_segments": 1}))
    assert error.reason == "SMS_TOO_MANY_SEGMENTS"
    assert "2 segments" in error.violations[0].description
    error = await refusal(client.send(**SMS, context={"text": "x" * 159 + "ã"}, sms={"max_segments": 1}))
    assert error.reason == "SMS_TOO_MANY_SEGMENTS"
    written = {"max_segments": 1, "transliterate": True}
    await client.send(**SMS, context={"text": "x" * 159 + "ã"}, sms=written)
    assert len(peers.router.submissions) == 2


async def test_the_preview_tells_segments_and_the_character_that_makes_them_short(client: Client) -> None:
    request = PreviewTemplateRequest(name="text")
    request.context.update({"text": "x" * 159 + "ã"})
    shown = await client.templates.PreviewTemplate(request)
    assert (shown.sms_segments, shown.sms_unicode_character) == (3, "ã")
    draft = request.draft.add(body="{{ text }}", channel=enums_pb2.SMS)
    draft.sms.transliterate = True
    shown = await client.templates.PreviewTemplate(request)
    assert (shown.body[-1], shown.sms_segments, shown.sms_unicode_character) == ("a", 1, "")
