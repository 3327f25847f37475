"""Copies of an email: at most twenty, each to one mailbox, none to one that is suppressed."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.json_format import ParseDict

from pulse.common.v1 import enums_pb2, notification_pb2
from pulse.common.v1.saying_pb2 import Email
from pulse.common.v1.template_pb2 import Template, TemplateContent
from pulse.gateway.v1.template_service_pb2 import CreateTemplateRequest
from shared.errors import Code
from tests.gateway import fakes
from tests.gateway.conftest import Client, refusal
from tests.gateway.test_gateway_email_said import BREAKS

EMAIL, SMS = enums_pb2.EMAIL, enums_pb2.SMS


def many(count: int, name: str = "c") -> list[str]:
    return [f"{name}{number}@example.com" for number in range(count)]


def accepted(peers: fakes.Peers) -> tuple[list[str], list[str]]:
    """The copies of what was accepted last."""
    copies = peers.router.submissions[-1].asked.copies
    return list(copies.cc), list(copies.bcc)


def told(peers: fakes.Peers) -> list[str]:
    decisions = peers.router.submissions[-1].decisions
    return [f"{one.result}: {one.reason}" for one in decisions if one.rule == "copy"]


async def test_copies_go_with_what_is_accepted_as_they_are_sent_to(client: Client, peers: fakes.Peers) -> None:
    await client.send(email={"cc": ["Bob@BÜCHER.example"], "bcc": many(2)})
    assert accepted(peers) == (["Bob@xn--bcher-kva.example"], many(2))
    assert told(peers) == []


@pytest.mark.parametrize(("cc", "bcc"), [(20, 0), (0, 20), (10, 10), (1, 19)])
async def test_twenty_are_as_many_as_there_may_be(client: Client, peers: fakes.Peers, cc: int, bcc: int) -> None:
    await client.send(email={"cc": many(cc), "bcc": many(bcc, "b")})
    assert accepted(peers) == (many(cc), many(bcc, "b"))


@pytest.mark.parametrize(("cc", "bcc", "field"), [(21, 0, "cc"), (0, 21, "bcc"), (20, 1, "cc"), (1, 20, "cc")])
async def test_more_than_twenty_are_refused(client: Client, cc: int, bcc: int, field: str) -> None:
    error = await refusal(client.send(email={"cc": many(cc), "bcc": many(bcc, "b")}))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, "TOO_MANY_COPIES")
    assert [one.field for one in error.violations] == [f"email.{field}"]


@pytest.mark.parametrize("sign", BREAKS)
@pytest.mark.parametrize("kind", ["cc", "bcc"])
async def test_no_header_can_be_begun_in_a_copys_address(client: Client, kind: str, sign: str) -> None:
    for address in (f"a@example.com{sign}Bcc: x@example.com", f"{sign}a@example.com", f"a{sign}b@example.com"):
        error = await refusal(client.send(email={kind: [address]}))
        assert error.code is Code.INVALID_ARGUMENT
        assert error.reason in ("CONTROL_CHARACTER", "ADDRESS_CONTROL_CHARACTER")
        assert [one.field for one in error.violations] == [f"email.{kind}[0]"]


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("Bob <bob@example.com>", "EMAIL_DISPLAY_NAME"),
        ("a@example.com,b@example.com", "EMAIL_SEVERAL_RECIPIENTS"),
        ("a@example.com;b@example.com", "EMAIL_SEVERAL_RECIPIENTS"),
        ("bob", "EMAIL_INVALID"),
        ("@example.com", "EMAIL_INVALID"),
        ("bob@", "EMAIL_INVALID"),
        ("undisclosed-recipients:;", "EMAIL_INVALID"),
        ("=?utf-8?q?bob?=@example.com", "EMAIL_INVALID"),
        ("+4915112345678", "EMAIL_INVALID"),
        ("x" * 65 + "@example.com", "EMAIL_INVALID"),
    ],
)
async def test_a_copy_goes_to_one_mailbox(client: Client, address: str, reason: str) -> None:
    error = await refusal(client.send(email={"cc": ["ok@example.com", address]}))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, reason)
    assert [one.field for one in error.violations] == ["email.cc[1]"]
    assert address not in str(error)


async def test_each_address_gets_one(client: Client, peers: fakes.Peers) -> None:
    cc = ["bob@example.com", "ADA@example.com", "Bob@Example.com", ""]
    await client.send(email={"cc": cc, "bcc": ["BOB@example.com", "eve@example.com", "eve@example.com"]})
    assert accepted(peers) == (["bob@example.com"], ["eve@example.com"])


async def test_a_suppressed_copy_is_left_out_and_told_and_the_notification_goes_on(
    client: Client, peers: fakes.Peers
) -> None:
    peers.reader.suppressed = {"bob@example.com": "the recipient unsubscribed", "eve@example.com": "by hand"}
    cc, bcc = ["Bob@example.com", "joe@example.com"], ["mia@example.com", "eve@example.com"]
    await client.send(email={"cc": cc, "bcc": bcc})
    assert accepted(peers) == (["joe@example.com"], ["mia@example.com"])
    assert told(peers) == ["SUPPRESSED: cc 1: the recipient unsubscribed", "SUPPRESSED: bcc 2: by hand"]
    [asked] = peers.reader.suppressed_look_ups
    assert (asked.tenant_id, asked.channel, list(asked.addresses)) == ("default", EMAIL, cc + bcc)


async def test_without_copies_nobody_is_asked(client: Client, peers: fakes.Peers) -> None:
    await client.send()
    await client.send(email={"reply_to": "a@b.eu"})
    assert peers.reader.suppressed_look_ups == []
    assert not peers.router.submissions[-1].asked.HasField("copies")


async def test_a_templates_copies_are_liquid_and_the_requests_take_their_place(
    client: Client, peers: fakes.Peers
) -> None:
    email = Email(cc=["{{ name }}@example.com", "{% if boss %}{{ boss }}{% endif %}"], bcc=["audit@example.com"])
    content = TemplateContent(channel=EMAIL, subject="s", body="b", email=email)
    await client.templates.CreateTemplate(
        CreateTemplateRequest(template=Template(name="copied", channel=EMAIL, contents=[content]))
    )
    context: dict[str, Any] = {"name": "Joe", "boss": ""}
    await client.send(template_name="copied", context=context)
    assert accepted(peers) == (["Joe@example.com"], ["audit@example.com"])
    await client.send(template_name="copied", context=context, email={"cc": ["mia@example.com"]})
    assert accepted(peers) == (["mia@example.com"], ["audit@example.com"])
    decisions = peers.router.submissions[-1].decisions
    assert [one.result for one in decisions if one.rule == "content"] == ["email.cc"]
    for name in ("a b", "x\r\ny", "a@b,c"):
        error = await refusal(client.send(template_name="copied", context=context | {"name": name}))
        assert error.code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize(("cc", "reason"), [(["nobody"], "EMAIL_INVALID"), (many(21), "TOO_MANY_COPIES")])
async def test_a_template_that_could_never_be_sent_is_not_kept(client: Client, cc: list[str], reason: str) -> None:
    content = {"channel": "EMAIL", "subject": "s", "body": "b", "email": {"cc": cc}}
    template = ParseDict({"name": "bad", "channel": "EMAIL", "contents": [content]}, Template())
    error = await refusal(client.templates.CreateTemplate(CreateTemplateRequest(template=template)))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, reason)


async def test_a_fallback_by_mail_has_the_copies(client: Client, peers: fakes.Peers) -> None:
    peers.store(fakes.template("both", SMS, "Hi {{ name }}"))
    peers.reader.templates["default", "both"].contents[0].channel = 0
    fallback = notification_pb2.Fallback(channel=EMAIL, to="ada@example.com")
    await client.send(template_name="both", to="+15551234567", fallbacks=[fallback], email={"cc": many(1)})
    assert accepted(peers) == (many(1), [])
