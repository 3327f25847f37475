"""What each provider's answers mean: one table for each."""

from __future__ import annotations

import datetime as dt

import pytest

from services.delivery.providers.aws import aws_errors
from services.delivery.providers.base.http_answer import retry_after_seconds
from services.delivery.providers.fcm import fcm_errors
from services.delivery.providers.twilio import twilio_errors
from services.delivery.providers.webhook import answers
from services.delivery.rules.provider import OutcomeKind, Rejection

OK, PASSES, STAYS, OPEN = (
    OutcomeKind.SUCCEEDED,
    OutcomeKind.TRANSIENT_FAILURE,
    OutcomeKind.PERMANENT_FAILURE,
    OutcomeKind.UNANSWERED,
)


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


@pytest.mark.parametrize(
    ("code", "rejection"),
    [(21610, Rejection.OPTED_OUT), (30005, Rejection.GONE), (21211, None), (21614, None), (30003, None), (30006, None)],
)
def test_twilio_may_say_that_a_number_is_gone_or_wants_no_more(code: int, rejection: Rejection | None) -> None:
    assert twilio_errors.classify(400, code, None).rejection is rejection


def test_fcm_may_say_that_a_device_is_gone() -> None:
    assert fcm_errors.classify(404, "UNREGISTERED", None).rejection is Rejection.GONE
    assert fcm_errors.classify(400, "INVALID_ARGUMENT", None).rejection is Rejection.REFUSED, "not this device, perhaps"


@pytest.mark.parametrize(
    ("status", "code", "text", "retry_after", "kind"),
    [
        (400, "MessageRejected", "Message contains a virus", None, STAYS),
        (400, "MessageRejected", "Email address is not verified. The following identities failed", None, PASSES),
        (400, "InvalidParameter", "", None, STAYS),
        (400, "ThrottlingException", "", None, PASSES),
        (400, "AccountSuspendedException", "", None, PASSES),
        (403, "AuthorizationError", "", None, PASSES),
        (403, "SignatureDoesNotMatch", "", None, PASSES),
        (404, "NotFoundException", "", None, PASSES),
        (429, "TooManyRequestsException", "", 7.0, PASSES),
        (301, "PermanentRedirect", "", None, PASSES),
        (500, "InternalError", "", None, OPEN),
        (503, "ServiceUnavailable", "", None, OPEN),
        (503, "ServiceUnavailable", "", 3.0, PASSES),
    ],
)
def test_an_aws_error_means(status: int, code: str, text: str, retry_after: float | None, kind: OutcomeKind) -> None:
    outcome = aws_errors.classify("ses", status, code, text, retry_after)
    assert (outcome.kind, outcome.code, outcome.retry_after) == (kind, code, retry_after)


@pytest.mark.parametrize(("code", "shown"), [("", "418"), ("418", "418"), ("ada@example.org", "418")])
def test_what_is_no_code_of_awss_is_not_shown_as_one(code: str, shown: str) -> None:
    assert aws_errors.classify("ses", 418, code, "", None).code == shown


@pytest.mark.parametrize(
    ("status", "retry_after", "kind"),
    [
        *((status, None, OK) for status in (200, 202, 204)),
        *((status, None, STAYS) for status in (400, 409, 413, 422)),
        *((status, None, PASSES) for status in (301, 307, 401, 403, 404, 405, 408, 410, 415, 425, 429)),
        (429, 7.0, PASSES),
        (500, None, OPEN),
        (503, None, OPEN),
        (503, 7.0, PASSES),
    ],
)
def test_a_webhook_receivers_status_means(status: int, retry_after: float | None, kind: OutcomeKind) -> None:
    outcome = answers.classify(status, "id", retry_after)
    assert (outcome.kind, outcome.retry_after) == (kind, retry_after)


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
        ("Fri, 02 Jan 99999999999999999999 00:00:30 GMT", None),
        ("Fri, 02 Jan 2026 99999999999999999999:00:30 GMT", None),
        ("Fri, 02 Jan 2026 00:00:30 +99999999999999", None),
        ("Fri, 02 Jan 2026 00:00:30 -99999999999999", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date_and_clamped(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header, dt.datetime(2026, 1, 2, tzinfo=dt.UTC)) == seconds
