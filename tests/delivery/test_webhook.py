"""Notifications through a signed webhook, to the sandbox's receiver."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.delivery.config import DeliverySettings
from services.delivery.providers.webhook.provider import WebhookProvider
from services.delivery.providers.webhook.signature import Signer
from services.delivery.rules.provider import OutcomeKind
from shared.clock import SystemClock
from tests.delivery.conftest import Sandbox, run_sandbox
from tests.delivery.in_a_loop import InALoop
from tests.delivery.outgoing import outgoing, within

SECRET = "whsec_" + base64.b64encode(b"a secret of 24 bytes ...").decode()
OTHER = "whsec_" + base64.b64encode(b"another one, of 32 bytes .......").decode()


def provider(url: str, **settings: Any) -> InALoop:
    values = {"webhook_url": url, "webhook_secret": SECRET, "webhook_channel": "SMS", **settings}
    return InALoop(WebhookProvider.from_settings(DeliverySettings(**values), SystemClock()))


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox that demands the secret."""
    home: Path = tmp_path_factory.mktemp("receiver")
    with run_sandbox(home, webhook_secret=SECRET) as running:
        yield running


@pytest.fixture
def webhook(receiver: Sandbox) -> Iterator[InALoop]:
    receiver.call("PUT", "/api/faults", [])
    receiver.call("DELETE", "/api/receipts")
    made = provider(f"{receiver.http}/webhook")
    yield made
    made.close()


@pytest.mark.parametrize(
    ("channel", "to"), [("EMAIL", "ada@example.org"), ("SMS", "+4915112345678"), ("PUSH", "device-token")]
)
def test_a_notification_of_any_channel_arrives_as_it_was_given(
    webhook: InALoop, receiver: Sandbox, channel: str, to: str
) -> None:
    given = outgoing(to, channel=channel, body="naïve ☃ 🎉", html_body="<p>☃</p>")
    outcome = webhook.send(given, within())
    [receipt] = receiver.receipts()
    assert outcome.kind is OutcomeKind.SUCCEEDED
    assert outcome.provider_message_id == receipt["provider_id"] == f"{given.notification_id}-{channel.lower()}"
    assert (receipt["provider"], receipt["channel"], receipt["to"]) == ("webhook", channel.lower(), to)
    assert (receipt["subject"], receipt["body"], receipt["html_body"]) == ("Hello", given.body, given.html_body)
    assert receipt["notification_id"] == given.notification_id


@pytest.mark.parametrize(
    ("action", "value", "kind", "code"),
    [
        ("status", 400, OutcomeKind.PERMANENT_FAILURE, "400"),
        ("status", 422, OutcomeKind.PERMANENT_FAILURE, "422"),
        ("status", 401, OutcomeKind.TRANSIENT_FAILURE, "401"),
        ("status", 404, OutcomeKind.TRANSIENT_FAILURE, "404"),
        ("status", 410, OutcomeKind.TRANSIENT_FAILURE, "410"),
        ("status", 408, OutcomeKind.TRANSIENT_FAILURE, "408"),
        ("status", 429, OutcomeKind.TRANSIENT_FAILURE, "429"),
        ("status", 500, OutcomeKind.UNANSWERED, "500"),
    ],
)
def test_a_fault_has_its_outcome_and_the_next_goes_through(
    webhook: InALoop, receiver: Sandbox, action: str, value: object, kind: OutcomeKind, code: str
) -> None:
    receiver.fault("webhook", action, value, times=1)
    outcome = webhook.send(outgoing(), within())
    assert (outcome.kind, outcome.code) == (kind, code)
    assert outcome.retry_after is None
    assert webhook.send(outgoing(), within()).kind is OutcomeKind.SUCCEEDED


@pytest.mark.parametrize("value", [500, "reset", "garbage"])
def test_one_that_was_taken_over_without_an_answer_is_kept_once_however_often_it_is_sent(
    webhook: InALoop, receiver: Sandbox, value: object
) -> None:
    receiver.fault("webhook", "status_after_accept", value, times=1)
    given = outgoing()
    assert webhook.send(given, within()).kind is OutcomeKind.UNANSWERED
    again = outgoing(notification_id=given.notification_id, attempt=2)
    assert webhook.send(again, within()).kind is OutcomeKind.SUCCEEDED
    assert len(receiver.receipts()) == 1


def test_another_channel_of_the_same_notification_is_another_webhook(webhook: InALoop, receiver: Sandbox) -> None:
    given = outgoing(channel="PUSH")
    webhook.send(given, within())
    webhook.send(outgoing("+4915112345678", channel="SMS", notification_id=given.notification_id), within())
    assert {receipt["channel"] for receipt in receiver.receipts()} == {"push", "sms"}


@pytest.mark.parametrize(
    ("secret", "kind"),
    [
        (OTHER, OutcomeKind.TRANSIENT_FAILURE),
        (f"{OTHER},{SECRET}", OutcomeKind.SUCCEEDED),
        (f"{SECRET}, {OTHER}", OutcomeKind.SUCCEEDED),
    ],
)
def test_a_receiver_accepts_either_secret_while_they_change(
    webhook: InALoop, receiver: Sandbox, secret: str, kind: OutcomeKind
) -> None:
    assert provider(f"{receiver.http}/webhook", webhook_secret=secret).send(outgoing(), within()).kind is kind


def test_a_signature_is_the_specifications_own_example() -> None:
    signer = Signer.parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signer.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-timestamp"] == "1614265330"


@pytest.mark.parametrize("secret", ["plain", "whsec_!!", "whsec_c2hvcnQ=", f"{SECRET},whsec_"])
def test_a_secret_that_is_none_stops_the_worker(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_"):
        provider("http://127.0.0.1:9/", webhook_secret=secret)
