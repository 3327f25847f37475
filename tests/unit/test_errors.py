"""An error keeps its name, its details and its hint over the wire."""

from __future__ import annotations

import pytest

from shared.errors import Code, PulseError, QuotaViolation, Violation, invalid, not_found
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
    PulseError(Code.ALREADY_EXISTS, "IDEMPOTENCY_KEY_REUSED", "used", metadata={"http_status": "422"}),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.reason)
def test_an_error_survives_the_wire_whole(error: PulseError) -> None:
    assert from_status(to_status(error)) == error


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.reason)
def test_any_number_of_hops_changes_nothing(error: PulseError) -> None:
    once = from_status(to_status(error))
    assert to_status(from_status(to_status(once))) == to_status(error)


def test_a_missing_thing_is_named() -> None:
    error = not_found("Template", "welcome")
    assert (error.code, error.reason) == (Code.NOT_FOUND, "TEMPLATE_NOT_FOUND")
    assert "welcome" in error.message
