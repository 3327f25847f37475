"""WhatsApp at the door: a content that Twilio holds, or a text within bounds."""

from __future__ import annotations

from typing import Any

import pytest

from pulse.common.v1 import enums_pb2, template_pb2
from tests.gateway import fakes
from tests.gateway.conftest import Client, refusal

SID = "HX" + "0123456789abcdef" * 2
HELLO = {"template_name": "hello", "to": "+4915112345678", "context": {"text": "Hi"}}


@pytest.fixture(autouse=True)
def templates(peers: fakes.Peers) -> None:
    content = template_pb2.TemplateContent(body="{{ text }}")
    hello = template_pb2.Template(name="hello", channel=enums_pb2.WHATSAPP, version=1, contents=[content])
    hello.variables.append("text")
    peers.store(hello)
    content.whatsapp.content_sid = "{{ text }}"
    content.whatsapp.content_variables["1"] = "{{ text }}"
    held = template_pb2.Template(name="held", channel=enums_pb2.WHATSAPP, version=1, contents=[content])
    held.variables.append("text")
    peers.store(held)


async def test_a_content_goes_on_and_the_text_it_replaces_has_no_bound(client: Client, peers: fakes.Peers) -> None:
    whatsapp = {"content_sid": SID, "content_variables": {"1": "Ann"}}
    await client.send(**{**HELLO, "context": {"text": "x" * 1601}}, whatsapp=whatsapp)
    (submission,) = peers.router.submissions
    assert submission.asked.channel == enums_pb2.WHATSAPP
    assert submission.asked.whatsapp.content_sid == SID
    assert dict(submission.asked.whatsapp.content_variables) == {"1": "Ann"}


async def test_a_templates_content_is_liquid_and_the_timeline_tells_what_took_its_place(
    client: Client, peers: fakes.Peers
) -> None:
    await client.send(**{**HELLO, "template_name": "held", "context": {"text": SID}})
    await client.send(**{**HELLO, "template_name": "held"}, whatsapp={"content_sid": SID})
    first, second = peers.router.submissions
    assert not first.decisions
    assert [(one.rule, one.result) for one in second.decisions] == [("content", "whatsapp.content_sid")]


@pytest.mark.parametrize(
    ("fields", "reason", "path"),
    [
        ({"whatsapp": {"content_sid": "HX1"}}, "WHATSAPP_CONTENT_SID_INVALID", "whatsapp.content_sid"),
        ({"whatsapp": {"content_sid": SID + "0"}}, "WHATSAPP_CONTENT_SID_INVALID", "whatsapp.content_sid"),
        ({"whatsapp": {"content_sid": SID.lower()}}, "WHATSAPP_CONTENT_SID_INVALID", "whatsapp.content_sid"),
        ({"whatsapp": {"content_sid": "MG" + SID[2:]}}, "WHATSAPP_CONTENT_SID_INVALID", "whatsapp.content_sid"),
        ({"whatsapp": {"content_sid": "{{ text }}"}}, "WHATSAPP_CONTENT_SID_INVALID", "whatsapp.content_sid"),
        (
            {"whatsapp": {"content_variables": {"1": "Ann"}}},
            "WHATSAPP_CONTENT_SID_MISSING",
            "whatsapp.content_variables",
        ),
        (
            {"whatsapp": {"content_sid": SID, "content_variables": {"1": "a\nb"}}},
            "CONTROL_CHARACTER",
            "whatsapp.content_variables.1",
        ),
        (
            {"whatsapp": {"content_sid": SID, "content_variables": {"1": "a\0"}}},
            "CONTROL_CHARACTER",
            "whatsapp.content_variables.1",
        ),
        ({"whatsapp": {"content_sid": SID + "\r\n"}}, "CONTROL_CHARACTER", "whatsapp.content_sid"),
        ({"context": {"text": "x" * 1601}}, "WHATSAPP_TOO_LONG", "context"),
        ({"context": {"text": "\U0001f600" * 801}}, "WHATSAPP_TOO_LONG", "context"),
        ({"context": {"text": "\u200b"}}, "WHATSAPP_EMPTY", "context"),
        ({"to": "whatsapp:+4915112345678"}, "PHONE_NOT_E164", "to"),
        ({"to": ""}, "INVALID_FIELDS", "to"),
        ({"to": "ann@example.com"}, "PHONE_NOT_E164", "to"),
        ({"template_name": "held"}, "WHATSAPP_CONTENT_SID_INVALID", "whatsapp.content_sid"),
    ],
)
async def test_what_twilio_would_refuse_is_refused_here(
    client: Client, fields: dict[str, Any], reason: str, path: str
) -> None:
    error = await refusal(client.send(**{**HELLO, **fields}))
    assert (error.reason, [one.field for one in error.violations]) == (reason, [path])


@pytest.mark.parametrize(
    "variables", [{"": "a"}, {"a b": "c"}, {"1": ""}, {"x" * 65: "a"}, {str(n): "a" for n in range(101)}]
)
async def test_variables_have_names_and_values(client: Client, variables: dict[str, str]) -> None:
    error = await refusal(client.send(**HELLO, whatsapp={"content_sid": SID, "content_variables": variables}))
    assert error.reason == "INVALID_ARGUMENT" or error.violations[0].field.startswith("whatsapp.content_variables")
