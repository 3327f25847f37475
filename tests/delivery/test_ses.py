"""Email through the sandbox's SES."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from services.delivery.config import DeliverySettings
from services.delivery.providers.ses.provider import SesProvider
from services.delivery.rules.provider import OutcomeKind
from shared.clock import SystemClock
from shared.saying.said import Email, Said
from tests.delivery.conftest import Sandbox
from tests.delivery.in_a_loop import InALoop
from tests.delivery.outgoing import outgoing, within
from tests.delivery.test_mail_headers import drawn
from tests.delivery.test_smtp import SUBJECTS
from tests.delivery.test_smtp import provider as smtp_provider


def provider(base_url: str, **settings: Any) -> InALoop:
    values = {
        "ses_region": "eu-central-1",
        "ses_base_url": base_url,
        "ses_from": "Pulse <pulse@example.org>",
        "ses_configuration_set": "pulse",
        "aws_access_key_id": "key",
        "aws_secret_access_key": "secret",
        **settings,
    }
    return InALoop(SesProvider.from_settings(DeliverySettings(**values), SystemClock()))


@pytest.fixture(scope="module")
def ses(sandbox_process: Sandbox) -> Iterator[InALoop]:
    made = provider(sandbox_process.http)
    yield made
    made.close()


def test_an_email_arrives_as_it_was_given(ses: InALoop, sandbox: Sandbox) -> None:
    link = "https://pulse.example/unsubscribe/" + "x" * 200
    given = outgoing(subject="Größe", body="naïve ☃", html_body="<p>☃</p>", unsubscribe_url=link)
    outcome = ses.send(given, within())
    [receipt] = sandbox.receipts()
    assert (outcome.kind, outcome.provider_message_id) == (OutcomeKind.SUCCEEDED, receipt["provider_id"])
    assert (receipt["provider"], receipt["to"], receipt["subject"]) == ("ses", "ada@example.org", "Größe")
    assert (receipt["body"], receipt["html_body"]) == ("naïve ☃", "<p>☃</p>")
    assert receipt["notification_id"] == given.notification_id
    assert receipt["data"] == {
        "list-unsubscribe": f"<{link}>",
        "list-unsubscribe-post": "List-Unsubscribe=One-Click",
    }


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_subject_arrives_to_the_letter(ses: InALoop, sandbox: Sandbox, subject: str) -> None:
    assert ses.send(outgoing(subject=subject, body=subject), within()).kind is OutcomeKind.SUCCEEDED
    [receipt] = sandbox.receipts()
    assert (receipt["subject"], receipt["body"]) == (subject, subject)


def test_texts_full_of_syntax_arrive_to_the_letter(ses: InALoop, sandbox: Sandbox) -> None:
    for text in drawn(25):
        sandbox.call("DELETE", "/api/receipts")
        assert ses.send(outgoing(subject=text, body=text), within()).kind is OutcomeKind.SUCCEEDED, text
        [receipt] = sandbox.receipts()
        assert (receipt["subject"], receipt["body"]) == (text, text)


def test_what_is_said_of_an_email_goes_by_ses_as_by_smtp(ses: InALoop, sandbox: Sandbox) -> None:
    headers = {"X-Campaign": "Frühling ☃", "References": "<1@example.org> <2@example.org>"}
    said = Said(email=Email(reply_to="hilfe@bücher.example", headers=headers, preheader="1 < 2"))
    given = outgoing(html_body="<p>☃</p>", said=said)
    smtp = smtp_provider(sandbox.smtp_port, smtp_from="Pulse <pulse@example.org>")
    assert (smtp.send(given, within()).kind, ses.send(given, within()).kind) == (OutcomeKind.SUCCEEDED,) * 2
    smtp.close()
    by_ses, by_smtp = sandbox.receipts()
    assert {by_ses["provider"], by_smtp["provider"]} == {"ses", "smtp"}
    assert [by_ses[part] for part in ("subject", "body", "html_body")] == [
        by_smtp[part] for part in ("subject", "body", "html_body")
    ]
    assert "1 &lt; 2</div><p>☃</p>" in by_ses["html_body"]


@pytest.mark.parametrize(
    "sender",
    [
        "Jürgen Müller <pulse@example.org>",
        '"Müller, Jürgen" <pulse@straße.de>',
        "日本語の長い名前" * 8 + " <pulse@example.org>",
        "=?utf-8?q?x?= <pulse@example.org>",
        '"a \\"b\\" \\\\" <pulse@example.org>',
        "pulse@example.org",
    ],
)
def test_a_sender_s_name_reaches_ses_in_ascii(sandbox: Sandbox, sender: str) -> None:
    made = provider(sandbox.http, ses_from=sender)
    assert made.send(outgoing(), within()).kind is OutcomeKind.SUCCEEDED
    made.close()


@pytest.mark.parametrize(
    ("action", "value", "kind", "code"),
    [
        ("status", "MessageRejected", OutcomeKind.PERMANENT_FAILURE, "MessageRejected"),
        ("status", "BadRequestException", OutcomeKind.PERMANENT_FAILURE, "BadRequestException"),
        ("status", "SendingPausedException", OutcomeKind.TRANSIENT_FAILURE, "SendingPausedException"),
        ("status", "NotFoundException", OutcomeKind.TRANSIENT_FAILURE, "NotFoundException"),
        ("status", 403, OutcomeKind.TRANSIENT_FAILURE, "AccessDeniedException"),
        ("status", 429, OutcomeKind.TRANSIENT_FAILURE, "TooManyRequestsException"),
        ("status", 500, OutcomeKind.UNANSWERED, "InternalServiceErrorException"),
        ("status_after_accept", 503, OutcomeKind.UNANSWERED, "ServiceUnavailableException"),
    ],
)
def test_a_fault_has_its_outcome_and_the_next_email_goes_through(
    ses: InALoop, sandbox: Sandbox, action: str, value: object, kind: OutcomeKind, code: str
) -> None:
    sandbox.fault("ses", action, value, times=1)
    outcome = ses.send(outgoing(), within())
    assert (outcome.kind, outcome.code) == (kind, code)
    assert outcome.retry_after is None
    assert sandbox.call("GET", "/api/faults")[0]["used"] == 1, "it is called once"
    assert ses.send(outgoing(), within()).kind is OutcomeKind.SUCCEEDED
    assert "ada" not in f"{outcome}"


@pytest.mark.parametrize("to", ["nobody", "a@b@c", "übung@example.org", ""])
def test_an_address_that_ses_does_not_take_is_refused_without_a_call(ses: InALoop, sandbox: Sandbox, to: str) -> None:
    assert ses.send(outgoing(to), within()).kind is OutcomeKind.PERMANENT_FAILURE
    assert not sandbox.receipts()


def test_missing_credentials_pass_once_an_operator_has_acted(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    made = provider(sandbox.http, aws_access_key_id="", aws_secret_access_key="")
    assert made.send(outgoing(), within()).code == "SES_NO_CREDENTIALS"


def test_threads_share_it_each_with_its_own_deadline(ses: InALoop, sandbox: Sandbox) -> None:
    sandbox.fault("ses", "delay_ms", 700)
    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(lambda seconds: ses.send(outgoing(), within(seconds)), [0.3, 5.0] * 4))
    kinds = [outcome.kind for outcome in outcomes]
    assert kinds == [OutcomeKind.UNANSWERED, OutcomeKind.SUCCEEDED] * 4
