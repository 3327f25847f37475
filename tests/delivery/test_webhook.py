"""Notifications through a signed webhook, to the sandbox's receiver."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pulse.common.v1.asked_pb2 import Asked
from services.delivery.config import DeliverySettings
from services.delivery.providers.base.standard_signature import Signer
from services.delivery.providers.webhook.body import LARGEST
from services.delivery.providers.webhook.provider import WebhookProvider
from services.delivery.rules.provider import OutcomeKind
from shared.clock import SystemClock
from shared.saying.said import Email, Push, Said, Sms, Whatsapp
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


def test_the_receiver_is_told_who_what_of_and_until_when(webhook: InALoop, receiver: Sandbox) -> None:
    asked = Asked(user_id="u-42", template_name="order", template_version=7, category="orders", locale="de-CH")
    asked.metadata.update({"team": "a", "naïve ☃": '"}'})
    ends = dt.datetime(2026, 6, 1, 12, 0, 0, 500_000, tzinfo=dt.UTC)
    webhook.send(outgoing(asked=asked, locale="de", expires_time=ends), within())
    [receipt] = receiver.receipts()
    told = receipt["request"]
    assert (told["user_id"], told["template"], told["template_version"]) == ("u-42", "order", 7)
    assert (told["category"], told["locale"], told["expires_at"]) == ("orders", "de", "2026-06-01T12:00:00.500Z")
    assert told["metadata"] == {"team": "a", "naïve ☃": '"}'}
    assert (told["subject"], told["body"], told["html_body"]) == ("Hello", "Hi there.", "")


def test_what_is_not_asked_for_is_told_as_empty(webhook: InALoop, receiver: Sandbox) -> None:
    webhook.send(outgoing(asked=Asked(user_id="u", template_name="t", template_version=1)), within())
    told = receiver.receipts()[0]["request"]
    assert (told["category"], told["metadata"], told["expires_at"]) == ("", {}, "")
    assert not {"push", "email", "sms"} & told.keys()


@pytest.mark.parametrize(
    ("channel", "said", "told"),
    [
        ("PUSH", Said(push=Push({"a": "7"}, "app://7", badge=0)), {"data": {"a": "7"}, "link": "app://7", "badge": 0}),
        ("EMAIL", Said(email=Email("a@b.example", {"X-A": "b"})), {"reply_to": "a@b.example", "headers": {"X-A": "b"}}),
        ("SMS", Said(sms=Sms(2, True)), {"max_segments": 2, "transliterate": True}),
        (
            "WHATSAPP",
            Said(whatsapp=Whatsapp("HX1", {"1": "7"})),
            {"content_sid": "HX1", "content_variables": {"1": "7"}},
        ),
    ],
)
def test_what_is_said_beside_the_texts_is_told_of_its_own_channel(
    webhook: InALoop, receiver: Sandbox, channel: str, said: Said, told: dict[str, Any]
) -> None:
    webhook.send(outgoing("+4915112345678", channel=channel, said=said), within())
    request = receiver.receipts()[0]["request"]
    assert request[channel.lower()] == told
    assert {"push", "email", "sms", "whatsapp"} & request.keys() == {channel.lower()}


def test_a_body_that_no_receiver_need_take_is_sent_to_none(webhook: InALoop, receiver: Sandbox) -> None:
    outcome = webhook.send(outgoing(body="\x01" * (LARGEST // 6)), within())
    assert (outcome.kind, outcome.code) == (OutcomeKind.PERMANENT_FAILURE, "WEBHOOK_TOO_LARGE")
    assert webhook.send(outgoing(body="x" * (LARGEST - 1_000)), within()).kind is OutcomeKind.SUCCEEDED
    assert len(receiver.receipts()) == 1


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


def test_each_device_of_the_same_notification_is_another_webhook(webhook: InALoop, receiver: Sandbox) -> None:
    given = outgoing("token-1", channel="PUSH", device_token_id="id-1")
    for one in (given, given, given._replace(to="token-2", device_token_id="id-2")):
        assert webhook.send(one, within()).kind is OutcomeKind.SUCCEEDED
    assert sorted(receipt["to"] for receipt in receiver.receipts()) == ["token-1", "token-2"]


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
