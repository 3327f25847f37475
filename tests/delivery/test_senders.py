"""A notification comes from the sender that its tenant has registered, by each provider that knows such a thing."""

from __future__ import annotations

import email
import email.policy
import json
import urllib.request
from typing import Any

import pytest

from services.delivery.providers.ses import tags
from services.delivery.providers.ses.event import read as read_event
from services.delivery.providers.sns.senders import sender_attributes
from services.delivery.providers.webhook.body import body
from services.delivery.rules.provider import Cause, OutcomeKind, RegisteredSender, Rejection
from shared.saying.said import Email, Said
from tests.delivery.conftest import Sandbox
from tests.delivery.outgoing import outgoing, within
from tests.delivery.test_ses import provider as ses
from tests.delivery.test_smtp import provider as smtp
from tests.delivery.test_sns import provider as sns
from tests.delivery.test_twilio import provider as twilio
from tests.delivery.test_twilio_whatsapp import provider as whatsapp

COPIES = Said(email=Email(cc=["bob@example.com", "joe@bücher.example"], bcc=["eve@example.com"]))
PHONE = "+4915112345678"
SERVICE = "MG" + "0123456789abcdef" * 2
OWN = RegisteredSender("billing@example.com", "Zoë, Billing", "answers@example.com")


def whole(sandbox: Sandbox, receipt: dict[str, Any]) -> Any:
    """The email as it came, read by the standard library."""
    with urllib.request.urlopen(sandbox.http + receipt["request"]["message"], timeout=5) as answer:
        return email.message_from_bytes(answer.read(), policy=email.policy.default)


def mailboxes(header: Any) -> list[tuple[str, str]]:
    return [(one.display_name, one.addr_spec) for one in header.addresses]


def test_an_email_comes_from_it_by_smtp_and_by_ses_alike(sandbox: Sandbox) -> None:
    made = [smtp(sandbox.smtp_port, smtp_from="Pulse <pulse@example.org>"), ses(sandbox.http)]
    for provider in made:
        for more in ({}, {"said": Said(email=Email(reply_to="request@example.com"))}):
            assert provider.send(outgoing(sender=OWN, **more), within()).kind is OutcomeKind.SUCCEEDED
        provider.close()
    receipts = sandbox.receipts()
    assert sorted(one["provider"] for one in receipts) == ["ses", "ses", "smtp", "smtp"]
    replies = []
    for receipt in receipts:
        message = whole(sandbox, receipt)
        assert OWN.address in receipt["request"]["from"]
        assert receipt["request"]["to"] == ["ada@example.org"]
        assert mailboxes(message["From"]) == [("Zoë, Billing", OWN.address)]
        assert message["Message-ID"].endswith("@example.com>")
        replies += mailboxes(message["Reply-To"])
    assert sorted(replies) == [("", "answers@example.com")] * 2 + [("", "request@example.com")] * 2


@pytest.mark.parametrize(
    ("address", "field"),
    [("+15005550006", "From"), ("12345", "From"), ("Acme Shop", "From"), (SERVICE, "MessagingServiceSid")],
)
def test_an_sms_comes_from_it_by_twilio(sandbox: Sandbox, address: str, field: str) -> None:
    made = twilio(sandbox.http)
    given = outgoing(PHONE, channel="SMS", sender=RegisteredSender(address))
    assert made.send(given, within()).kind is OutcomeKind.SUCCEEDED
    made.close()
    [receipt] = sandbox.receipts()
    form = receipt["request"]
    assert {name: form[name] for name in form.keys() & {"From", "MessagingServiceSid"}} == {field: address}


@pytest.mark.parametrize(
    ("address", "field", "sent"),
    [("+14155550000", "From", "whatsapp:+14155550000"), (SERVICE, "MessagingServiceSid", SERVICE)],
)
def test_a_whatsapp_message_comes_from_it(sandbox: Sandbox, address: str, field: str, sent: str) -> None:
    made = whatsapp(sandbox)
    given = outgoing(PHONE, channel="WHATSAPP", sender=RegisteredSender(address))
    assert made.send(given, within()).kind is OutcomeKind.SUCCEEDED
    made.close()
    [receipt] = sandbox.receipts()
    form = receipt["request"]
    assert {name: form[name] for name in form.keys() & {"From", "MessagingServiceSid"}} == {field: sent}


SENDER_ID, NUMBER = "AWS.SNS.SMS.SenderID", "AWS.MM.SMS.OriginationNumber"


@pytest.mark.parametrize(
    ("address", "attribute"), [("ACME", SENDER_ID), ("A-1", SENDER_ID), ("+15005550006", NUMBER), ("12345", NUMBER)]
)
def test_an_sms_comes_from_it_by_sns(sandbox: Sandbox, address: str, attribute: str) -> None:
    made = sns(sandbox.http)
    given = outgoing(PHONE, channel="SMS", sender=RegisteredSender(address))
    assert made.send(given, within()).kind is OutcomeKind.SUCCEEDED
    made.close()
    [receipt] = sandbox.receipts()
    said = receipt["request"]["MessageAttributes"]
    assert {name: said[name] for name in said.keys() & {SENDER_ID, NUMBER}} == {attribute: address}


@pytest.mark.parametrize("address", [SERVICE, "Acme Shop", "A&B", "-A", "A-", "123", "+A1", "A_B"])
def test_what_sns_cannot_send_from_is_left_to_another_provider(sandbox: Sandbox, address: str) -> None:
    made = sns(sandbox.http)
    outcome = made.send(outgoing(PHONE, channel="SMS", sender=RegisteredSender(address)), within())
    made.close()
    assert (outcome.kind, outcome.code, outcome.cause) == (
        OutcomeKind.TRANSIENT_FAILURE,
        "SENDER_NOT_CARRIED",
        Cause.CONFIGURATION,
    )
    assert address not in outcome.message
    assert sandbox.receipts() == []


def test_an_id_has_eleven_characters_at_the_most() -> None:
    assert sender_attributes("ABCDEFGHIJK") == {SENDER_ID: "ABCDEFGHIJK"}
    assert sender_attributes("ABCDEFGHIJKL") is None


def test_copies_go_by_smtp_and_by_ses_alike_and_nobody_sees_the_blind_ones(sandbox: Sandbox) -> None:
    for provider in (smtp(sandbox.smtp_port), ses(sandbox.http)):
        assert provider.send(outgoing(said=COPIES), within()).kind is OutcomeKind.SUCCEEDED
        provider.close()
    receipts = sandbox.receipts()
    everybody = ["ada@example.org", "bob@example.com", "joe@xn--bcher-kva.example", "eve@example.com"]
    assert sorted((one["provider"], one["to"]) for one in receipts) == sorted(
        (name, to) for name in ("smtp", "ses") for to in everybody
    )
    for receipt in receipts:
        message = whole(sandbox, receipt)
        assert receipt["request"]["to"] == everybody
        assert [one.addr_spec for one in message["To"].addresses] == everybody[:1]
        assert [one.addr_spec for one in message["Cc"].addresses] == everybody[1:3]
        assert message["Bcc"] is None
        assert "eve@" not in message.as_string()


def test_twenty_copies_stand_in_lines_that_may_be_sent(sandbox: Sandbox) -> None:
    cc = [f"{'x' * 60}{number}@{'y' * 60}.example.com" for number in range(20)]
    made = smtp(sandbox.smtp_port)
    assert made.send(outgoing(said=Said(email=Email(cc=cc))), within()).kind is OutcomeKind.SUCCEEDED
    made.close()
    message = whole(sandbox, sandbox.receipts()[0])
    assert [one.addr_spec for one in message["Cc"].addresses] == cc


def test_a_copy_that_the_server_refuses_keeps_nobody_else_from_theirs(sandbox: Sandbox) -> None:
    made = smtp(sandbox.smtp_port)
    copies = Said(email=Email(cc=["no-such-user@example.com", "bob@example.com"]))
    for _ in range(2):  # also over a connection that was used before
        assert made.send(outgoing(said=copies), within()).kind is OutcomeKind.SUCCEEDED
    outcome = made.send(outgoing("no-such-user@example.com", said=COPIES), within())
    made.close()
    assert (outcome.kind, outcome.rejection) == (OutcomeKind.PERMANENT_FAILURE, Rejection.GONE)
    assert sorted(one["to"] for one in sandbox.receipts()) == ["ada@example.org"] * 2 + ["bob@example.com"] * 2


def test_copies_are_told_a_webhook(sandbox: Sandbox) -> None:
    told = json.loads(body(outgoing(said=COPIES)))
    assert told["email"] == {"cc": ["bob@example.com", "joe@bücher.example"], "bcc": ["eve@example.com"]}


@pytest.mark.parametrize(
    ("kind", "part", "named"),
    [
        ("Bounce", "bounce", {"bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": "BOB@example.com"}]}),
        ("Complaint", "complaint", {"complainedRecipients": [{"emailAddress": "bob@example.com"}]}),
        ("Delivery", "delivery", {"recipients": ["bob@example.com"]}),
    ],
)
def test_what_becomes_of_a_copy_says_nothing_of_the_recipient(kind: str, part: str, named: dict[str, Any]) -> None:
    given = outgoing()
    said = {one["Name"]: [one["Value"]] for one in tags.tags("acme", given.notification_id, "ada@example.org")}
    assert "ada" not in str(said)
    event = {"eventType": kind, part: named, "mail": {"messageId": "m1", "tags": said}}
    assert read_event(json.dumps(event)) == []
    about_her = json.loads(json.dumps(event).replace("BOB@example.com", "b").replace("bob@example.com", "b"))
    about_her = json.loads(json.dumps(about_her).replace('"b"', '"Ada@Example.org"'))
    assert [one.notification_id for one in read_event(json.dumps(about_her))][:1] == [given.notification_id]
