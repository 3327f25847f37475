"""An error keeps its name, its details and its hint over the wire."""

from __future__ import annotations

import pytest

from shared.errors import Code, PulseError, QuotaViolation, Violation, invalid, invalid_field, not_found, together
from shared.rpc.statuses import from_status, to_status

ERRORS = [
    PulseError(Code.NOT_FOUND, "TEMPLATE_NOT_FOUND", "there is no template 'x'"),
    invalid([Violation("requests[2].to", "is not a mail address"), Violation("user_id", "is missing")]),
    PulseError(
        Code.RESOURCE_EXHAUSTED,
        "RATE_LIMITED",
        "10 per 60 s",
        hint="wait",
        quotas=(QuotaViolation("user_channel", "10 per 60 s", 10),),
        retry_after=12.5,
    ),
    invalid_field("fallbacks[0].to", "PHONE_NOT_E164", "is not a phone number in E.164", "write it as +4915112345678"),
    PulseError(Code.ALREADY_EXISTS, "IDEMPOTENCY_KEY_REUSED", "used", metadata={"http_status": "422"}),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.reason)
def test_an_error_survives_the_wire_whole(error: PulseError) -> None:
    assert from_status(to_status(error)) == error


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.reason)
def test_any_number_of_hops_changes_nothing(error: PulseError) -> None:
    once = from_status(to_status(error))
    assert to_status(from_status(to_status(once))) == to_status(error)


def test_a_field_that_breaks_a_rule_is_named_in_the_message_and_in_the_details() -> None:
    error = invalid_field("send_at", "SEND_AT_PAST", "lies in the past", "leave it out")
    assert (error.code, error.reason, error.hint) == (Code.INVALID_ARGUMENT, "SEND_AT_PAST", "leave it out")
    assert error.message == "send_at: lies in the past"
    assert list(error.violations) == [Violation("send_at", "lies in the past")]


@pytest.mark.parametrize("count", [1, 2, 10, 11, 300])
def test_errors_told_together_name_every_field_and_keep_the_first_ones_reason(count: int) -> None:
    errors = [invalid_field(f"contents[{n}]", f"REASON_{n}", "is wrong", "a hint of its own") for n in range(count)]
    error = together(errors)
    assert (error.code, error.reason, error.hint) == (Code.INVALID_ARGUMENT, "REASON_0", "")
    assert [violation.field for violation in error.violations] == [f"contents[{n}]" for n in range(count)]
    assert error.message.count("is wrong") == min(count, 10)


def test_a_missing_thing_is_named() -> None:
    error = not_found("Template", "welcome")
    assert (error.code, error.reason) == (Code.NOT_FOUND, "TEMPLATE_NOT_FOUND")
    assert "welcome" in error.message
