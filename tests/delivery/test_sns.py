"""SMS through the sandbox's SNS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from services.delivery.config import DeliverySettings
from services.delivery.providers.sns.provider import SnsProvider
from services.delivery.rules.provider import OutcomeKind, Rejection
from shared.clock import SystemClock
from tests.delivery.conftest import Sandbox
from tests.delivery.in_a_loop import InALoop
from tests.delivery.outgoing import outgoing, within

TO = "+4915112345678"


def provider(base_url: str, **settings: Any) -> InALoop:
    values = {
        "sns_region": "eu-central-1",
        "sns_base_url": base_url,
        "sns_sender_id": "Pulse",
        "aws_access_key_id": "key",
        "aws_secret_access_key": "secret",
        **settings,
    }
    return InALoop(SnsProvider.from_settings(DeliverySettings(**values), SystemClock()))


@pytest.fixture(scope="module")
def sns(sandbox_process: Sandbox) -> Iterator[InALoop]:
    made = provider(sandbox_process.http)
    yield made
    made.close()


def test_an_sms_arrives_as_it_was_given(sns: InALoop, sandbox: Sandbox) -> None:
    given = outgoing(TO, body="Your code is 1234 🎉 & more")
    outcome = sns.send(given, within())
    [receipt] = sandbox.receipts()
    assert (outcome.kind, outcome.provider_message_id) == (OutcomeKind.SUCCEEDED, receipt["provider_id"])
    assert (receipt["provider"], receipt["to"], receipt["body"]) == ("sns", TO, given.body)
    assert receipt["notification_id"] == given.notification_id


@pytest.mark.parametrize(
    ("action", "value", "kind", "code"),
    [
        ("status", "InvalidParameter", OutcomeKind.PERMANENT_FAILURE, "InvalidParameter"),
        ("status", "OptedOut", OutcomeKind.PERMANENT_FAILURE, "OptedOut"),
        ("status", 403, OutcomeKind.TRANSIENT_FAILURE, "AuthorizationError"),
        ("status", 429, OutcomeKind.TRANSIENT_FAILURE, "Throttled"),
        ("status", 500, OutcomeKind.UNANSWERED, "InternalError"),
        ("status_after_accept", "InternalError", OutcomeKind.UNANSWERED, "InternalError"),
    ],
)
def test_a_fault_has_its_outcome_and_the_next_sms_goes_through(
    sns: InALoop, sandbox: Sandbox, action: str, value: object, kind: OutcomeKind, code: str
) -> None:
    sandbox.fault("sns", action, value, times=1)
    outcome = sns.send(outgoing(TO), within())
    assert (outcome.kind, outcome.code) == (kind, code)
    assert outcome.retry_after is None
    assert outcome.rejection is (Rejection.OPTED_OUT if code == "OptedOut" else None)
    assert sandbox.call("GET", "/api/faults")[0]["used"] == 1, "it is called once"
    assert sns.send(outgoing(TO), within()).kind is OutcomeKind.SUCCEEDED


def test_a_number_that_is_none_and_an_empty_text_are_permanent_failures(sns: InALoop) -> None:
    assert sns.send(outgoing("12345"), within()).kind is OutcomeKind.PERMANENT_FAILURE
    assert sns.send(outgoing(TO, body=" \n"), within()).code == "EMPTY_BODY"
