"""SMS through the sandbox's Twilio."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs

import pytest

from services.delivery.config import DeliverySettings
from services.delivery.providers.twilio.provider import TwilioProvider
from services.delivery.rules.provider import Cause, OutcomeKind
from shared.clock import SystemClock
from tests.delivery.conftest import Sandbox
from tests.delivery.in_a_loop import InALoop, requests_of
from tests.delivery.outgoing import outgoing, within

TO = "+4915112345678"


def provider(base_url: str, **settings: Any) -> InALoop:
    values = {
        "twilio_account_sid": "AC123",
        "twilio_auth_token": "token",
        "twilio_from": "+15005550006",
        "twilio_base_url": base_url,
        "public_url": "http://127.0.0.1:9",
        **settings,
    }
    return InALoop(TwilioProvider.from_settings(DeliverySettings(**values), SystemClock()))


@pytest.fixture
def twilio(sandbox: Sandbox) -> Iterator[InALoop]:
    made = provider(sandbox.http)
    yield made
    made.close()


def test_an_sms_arrives_as_it_was_given(twilio: InALoop, sandbox: Sandbox) -> None:
    given = outgoing(TO, body="Your code is 1234 🎉")
    outcome = twilio.send(given, within())
    [receipt] = sandbox.receipts()
    assert outcome.kind is OutcomeKind.SUCCEEDED
    assert outcome.provider_message_id.startswith("SM")
    assert (receipt["to"], receipt["body"]) == (TO, given.body)
    assert receipt["notification_id"] == given.notification_id


@pytest.mark.parametrize(
    ("action", "value", "kind", "code"),
    [
        ("status", 21610, OutcomeKind.PERMANENT_FAILURE, "21610"),
        ("status", 400, OutcomeKind.PERMANENT_FAILURE, "20001"),
        ("status", 401, OutcomeKind.TRANSIENT_FAILURE, "20003"),
        ("status", 429, OutcomeKind.TRANSIENT_FAILURE, "20429"),
        ("status", 500, OutcomeKind.UNANSWERED, "20500"),
        ("status_after_accept", 500, OutcomeKind.UNANSWERED, "20500"),
    ],
)
def test_a_fault_has_its_outcome_and_the_next_sms_goes_through(
    twilio: InALoop, sandbox: Sandbox, action: str, value: object, kind: OutcomeKind, code: str
) -> None:
    twilio.send(outgoing(TO), within())
    sandbox.fault("twilio", action, value, times=1)
    outcome = twilio.send(outgoing(TO), within())
    assert (outcome.kind, outcome.code) == (kind, code)
    assert outcome.retry_after is None
    assert twilio.send(outgoing(TO), within()).kind is OutcomeKind.SUCCEEDED


@pytest.mark.parametrize("to", ["+15005550001", "+15005550004", "+15005550009", "12345", ""])
def test_a_number_that_twilio_refuses_is_a_permanent_failure(twilio: InALoop, to: str) -> None:
    assert twilio.send(outgoing(to), within()).kind is OutcomeKind.PERMANENT_FAILURE


SERVICE = "MG" + "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("sender", "field"),
    [
        ("+15005550006", "From"),
        ("12345", "From"),
        ("Pulse", "From"),
        ("MG123", "From"),
        (SERVICE, "MessagingServiceSid"),
    ],
)
def test_an_sms_comes_from_a_sender_or_from_a_messaging_service(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, sender: str, field: str
) -> None:
    asked = requests_of(monkeypatch)
    made = provider(sandbox.http, twilio_from=sender)
    assert made.send(outgoing(TO), within()).kind is OutcomeKind.SUCCEEDED
    assert len(sandbox.receipts()) == 1
    form = parse_qs(asked[0].partition(b"\r\n\r\n")[2].decode())
    assert {key: form[key] for key in form.keys() & {"From", "MessagingServiceSid"}} == {field: [sender]}


def test_a_messaging_service_that_is_none_is_a_matter_of_the_configuration(twilio: InALoop, sandbox: Sandbox) -> None:
    sandbox.fault("twilio", "status", 21701, times=1)
    outcome = twilio.send(outgoing(TO), within())
    assert (outcome.kind, outcome.cause) == (OutcomeKind.TRANSIENT_FAILURE, Cause.CONFIGURATION)


def test_an_empty_text_is_refused_without_a_call(twilio: InALoop) -> None:
    assert twilio.send(outgoing(TO, body=" \n"), within()).code == "EMPTY_BODY"


def test_threads_never_get_each_others_answers(twilio: InALoop, sandbox: Sandbox) -> None:
    numbers = ["+15005550004" if number % 2 else TO for number in range(60)]
    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(lambda to: twilio.send(outgoing(to), within()), numbers))
    for to, outcome in zip(numbers, outcomes, strict=True):
        assert outcome.kind is (OutcomeKind.SUCCEEDED if to == TO else OutcomeKind.PERMANENT_FAILURE)


def test_no_callback_is_asked_for_without_a_public_address(sandbox: Sandbox) -> None:
    made = provider(sandbox.http, public_url="")
    assert made.send(outgoing(TO), within()).kind is OutcomeKind.SUCCEEDED
    assert sandbox.receipts()[0]["notification_id"] == ""


@pytest.mark.parametrize(
    ("left", "told"), [(3_600.5, "3600"), (90.9, "90"), (1.5, "1"), (0.2, "1"), (-5.0, "1"), (86_400.0, "36000")]
)
def test_twilio_is_told_what_is_left_of_its_time(twilio: InALoop, sandbox: Sandbox, left: float, told: str) -> None:
    twilio.send(outgoing(TO, ends_at=time.monotonic() + left), within())
    [receipt] = sandbox.receipts()
    assert receipt["request"]["ValidityPeriod"] == told


def test_what_has_no_end_is_sent_for_as_long_as_twilio_likes(twilio: InALoop, sandbox: Sandbox) -> None:
    twilio.send(outgoing(TO), within())
    [receipt] = sandbox.receipts()
    assert "ValidityPeriod" not in receipt["request"]
