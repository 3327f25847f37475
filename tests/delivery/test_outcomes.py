"""What each provider's answers mean: one table for each."""

from __future__ import annotations

import datetime as dt
import ssl

import pytest
import requests
from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError, ProtocolError, ReadTimeoutError

from services.delivery.providers import fcm_errors, smtp_replies, twilio_errors
from services.delivery.providers.base import OutcomeKind
from services.delivery.providers.http_errors import never_sent, retry_after_seconds
from services.delivery.providers.smtp_replies import Phase

OK, PASSES, STAYS, OPEN = (
    OutcomeKind.SUCCEEDED,
    OutcomeKind.TRANSIENT_FAILURE,
    OutcomeKind.PERMANENT_FAILURE,
    OutcomeKind.UNANSWERED,
)
CONNECT, ENVELOPE, CONTENT = Phase.CONNECT, Phase.ENVELOPE, Phase.CONTENT


@pytest.mark.parametrize(
    ("phase", "code", "kind"),
    [
        (CONTENT, 250, OK),
        (CONTENT, 251, OK),
        (ENVELOPE, 250, PASSES),  # an answer to a question that was not asked
        (CONNECT, 421, PASSES),
        (ENVELOPE, 421, PASSES),
        (CONTENT, 421, PASSES),
        (ENVELOPE, 450, PASSES),
        (ENVELOPE, 451, PASSES),
        (CONTENT, 451, PASSES),
        (CONTENT, 452, PASSES),
        (ENVELOPE, 454, PASSES),
        (ENVELOPE, 550, STAYS),
        (ENVELOPE, 551, STAYS),
        (ENVELOPE, 552, STAYS),
        (ENVELOPE, 553, STAYS),
        (CONTENT, 552, STAYS),
        (CONTENT, 554, STAYS),
        (CONNECT, 554, PASSES),  # the server takes nothing from us: no fault of this email
        (CONNECT, 535, PASSES),  # a wrong password must not bury what waits
        (ENVELOPE, 530, PASSES),
        (ENVELOPE, 503, PASSES),
        (CONNECT, -1, PASSES),
        (ENVELOPE, -1, PASSES),
        (CONTENT, -1, OPEN),
        (CONTENT, 354, OPEN),
    ],
)
def test_an_smtp_reply_means(phase: Phase, code: int, kind: OutcomeKind) -> None:
    assert smtp_replies.classify(phase, code, "").kind is kind


@pytest.mark.parametrize(("phase", "kind"), [(CONNECT, PASSES), (ENVELOPE, PASSES), (CONTENT, OPEN)])
def test_a_lost_smtp_connection_leaves_open_only_what_was_on_its_way(phase: Phase, kind: OutcomeKind) -> None:
    assert smtp_replies.lost(phase).kind is kind


def test_an_smtp_outcome_shows_the_codes_and_not_the_text_that_quotes_the_recipient() -> None:
    outcome = smtp_replies.classify(ENVELOPE, 550, "5.1.1 <ada@example.org>: no such user")
    assert outcome.code == "550"
    assert "5.1.1" in outcome.message
    assert "ada" not in outcome.message


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("4.7.1 Greylisted, try again in 300 seconds", 300),
        ("4.7.1 retry after 5 minutes please", 300),
        ("4.7.1 come back in 1 hour", 3600),
        ("4.2.0 mailbox busy", None),
    ],
)
def test_a_mail_server_may_say_when_to_come_back(text: str, seconds: float | None) -> None:
    assert smtp_replies.classify(ENVELOPE, 451, text).retry_after == seconds


@pytest.mark.parametrize(
    ("status", "code", "retry_after", "kind"),
    [
        *((400, code, None, STAYS) for code in (21211, 21408, 21604, 21610, 21612, 21614, 21617)),
        *((400, code, None, STAYS) for code in (30003, 30004, 30005, 30006, 30007, 30008)),
        (400, None, None, STAYS),
        (400, 21606, None, PASSES),  # the sender is wrong for every SMS: an operator has to act
        (401, 20003, None, PASSES),
        (403, None, None, PASSES),
        (404, 20404, None, PASSES),
        (301, None, None, PASSES),
        (429, 20429, 7.0, PASSES),
        (429, 21611, None, PASSES),
        (408, None, None, PASSES),
        (500, None, None, OPEN),
        (502, None, None, OPEN),
        (503, 20503, None, OPEN),
        (503, 20503, 3.0, PASSES),
    ],
)
def test_a_twilio_error_means(status: int, code: int | None, retry_after: float | None, kind: OutcomeKind) -> None:
    outcome = twilio_errors.classify(status, code, retry_after)
    assert outcome.kind is kind
    assert outcome.code == str(code or status)
    assert outcome.retry_after == retry_after


@pytest.mark.parametrize(
    ("status", "code", "retry_after", "kind"),
    [
        (404, "UNREGISTERED", None, STAYS),
        (403, "SENDER_ID_MISMATCH", None, STAYS),
        (400, "INVALID_ARGUMENT", None, STAYS),
        (401, "THIRD_PARTY_AUTH_ERROR", None, PASSES),
        (401, "UNAUTHENTICATED", None, PASSES),
        (403, "PERMISSION_DENIED", None, PASSES),
        (429, "QUOTA_EXCEEDED", 30.0, PASSES),
        (500, "INTERNAL", None, OPEN),
        (503, "UNAVAILABLE", None, OPEN),
        (503, "UNAVAILABLE", 10.0, PASSES),
        (500, "INTERNAL", 10.0, PASSES),
    ],
)
def test_an_fcm_error_means(status: int, code: str, retry_after: float | None, kind: OutcomeKind) -> None:
    outcome = fcm_errors.classify(status, code, retry_after)
    assert (outcome.kind, outcome.code, outcome.retry_after) == (kind, code, retry_after)


def _wrapped(reason: Exception) -> requests.ConnectionError:
    return requests.ConnectionError(MaxRetryError(None, "/", reason))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "certain"),
    [
        (_wrapped(NewConnectionError(HTTPConnection("h"), "refused")), True),
        (_wrapped(ConnectTimeoutError("slow")), True),
        (requests.exceptions.ConnectTimeout("no time"), True),
        (requests.exceptions.SSLError(MaxRetryError(None, "/", ssl.SSLCertVerificationError("bad"))), True),  # type: ignore[arg-type]
        (requests.ReadTimeout(ReadTimeoutError(None, "/", "slow")), False),  # type: ignore[arg-type]
        (requests.ConnectionError(ProtocolError("reset", ConnectionResetError())), False),
        (requests.exceptions.ChunkedEncodingError("garbage"), False),
    ],
)
def test_only_an_error_from_before_the_request_is_certain(error: Exception, certain: bool) -> None:
    assert never_sent(error) is certain


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("999999999", 86_400.0),
        ("Fri, 02 Jan 2026 00:00:30 GMT", 30.0),
        ("Thu, 01 Jan 2026 00:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date_and_clamped(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header, dt.datetime(2026, 1, 2, tzinfo=dt.UTC)) == seconds
