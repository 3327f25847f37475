"""What no mail server should see of an email is refused at the door; and SMS beyond what was allowed."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.json_format import ParseDict

from pulse.common.v1 import enums_pb2
from pulse.gateway.v1.template_service_pb2 import CreateTemplateRequest, PreviewTemplateRequest
from tests.gateway import fakes
from tests.gateway.conftest import Client, refusal

BREAKS = ["\r\n", "\n", "\r", "\0", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"]
#: A context with a NUL is refused whole.
IN_CONTEXTS = [sign for sign in BREAKS if sign != "\0"]
REFUSED_IN_ADDRESSES = ("ADDRESS_CONTROL_CHARACTER", "CONTROL_CHARACTER")
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
            "X-PM-Message-Stream",
            "X-MC-SendAt",
            "X-MSYS-API",
            "X-MJ-TemplateID",
            "X-MS-Exchange-Organization-SCL",
            "X-Forwarded-To",
            "X-Spam-Flag",
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
        *[({"headers": {"X-A": f"a{sign}Bcc: b@example.com"}}, "CONTROL_CHARACTER") for sign in BREAKS],
        *[({"headers": {"References": f"a{sign}b"}}, "CONTROL_CHARACTER") for sign in BREAKS],
        *[({"reply_to": f"a@example.com{sign}b"}, None) for sign in BREAKS],
        ({"headers": {"References": "x" * 998}}, "HEADER_TOO_LONG"),
    ],
)
async def test_bad_input_has_its_reason(client: Client, email: dict[str, Any], reason: str | None) -> None:
    assert (await refusal(client.send(email=email))).reason in ([reason] if reason else REFUSED_IN_ADDRESSES)


@pytest.mark.parametrize(
    ("email", "value", "reason"),
    [
        *[({"headers": {"X-A": "{{ v }}"}}, f"a{sign}Bcc: b@example.com", "CONTROL_CHARACTER") for sign in IN_CONTEXTS],
        ({"headers": {"X-A": "{{ v }}"}}, "x" * 999, "HEADER_TOO_LONG"),
        ({"headers": {"References": "{{ v }}"}}, "x" * 998, "HEADER_TOO_LONG"),
        ({"headers": {"Precedence": "{{ v }}"}}, "\u00e4", "HEADER_INVALID"),
        ({"preheader": "{{ v }}"}, "\u00e4" * 500, "PREHEADER_TOO_LONG"),
        ({"reply_to": "{{ v }}"}, "a@example.com,b@example.com", "EMAIL_SEVERAL_RECIPIENTS"),
        ({"reply_to": "{{ v }}"}, "a@example.com\r\nBcc: b@example.com", "CONTROL_CHARACTER"),
    ],
)
async def test_what_a_template_makes_of_a_context_is_held_to_the_same(
    client: Client, peers: fakes.Peers, email: dict[str, Any], value: str, reason: str
) -> None:
    template = fakes.template("rendered", enums_pb2.EMAIL, "Hi {{ v }}")
    ParseDict(email, template.contents[0].email)
    peers.store(template)
    for _ in range(2):  # what was rendered once may be rendered by a shorter way
        await client.send(template_name="rendered", context={"v": "a@example.com"})
    error = await refusal(client.send(template_name="rendered", context={"v": value}))
    assert error.reason == reason


@pytest.mark.parametrize(
    ("names", "reason"),
    [(["Bcc"], "HEADER_NOT_ALLOWED"), (["X-PM-Tag"], "HEADER_NOT_ALLOWED"), (["X-A", "x-a"], "HEADER_REPEATED")],
)
async def test_a_template_is_not_kept_with_headers_that_cannot_be_sent(
    client: Client, names: list[str], reason: str
) -> None:
    template = fakes.template("kept", enums_pb2.EMAIL, "Hi")
    template.contents[0].email.headers.update(dict.fromkeys(names, "x"))
    error = await refusal(client.templates.CreateTemplate(CreateTemplateRequest(template=template)))
    assert error.reason == reason
    assert error.violations[0].field.startswith("template.contents[0].email.headers.")


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
