"""A notification comes from the sender that its tenant has registered, by each provider that knows such a thing."""

from __future__ import annotations

import email
import email.policy
import urllib.request
from typing import Any

import pytest

from services.delivery.providers.sns.senders import sender_attributes
from services.delivery.rules.provider import Cause, OutcomeKind, RegisteredSender
from shared.saying.said import Email, Said
from tests.delivery.conftest import Sandbox
from tests.delivery.outgoing import outgoing, within
from tests.delivery.test_ses import provider as ses
from tests.delivery.test_smtp import provider as smtp
from tests.delivery.test_sns import provider as sns
from tests.delivery.test_twilio import provider as twilio
from tests.delivery.test_twilio_whatsapp import provider as whatsapp

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
