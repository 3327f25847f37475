"""Refusals: why a submission may not go, in a form that callers can act on."""

from __future__ import annotations

from services.router.quota import Closed, Limit, Refused
from shared.errors import Code, PulseError, QuotaViolation, Violation, invalid


def rate_limited(limit: Limit, refused: Refused) -> PulseError:
    """RESOURCE_EXHAUSTED; names the limit, not the user."""
    description = f"{limit} for this user and channel"
    return PulseError(
        Code.RESOURCE_EXHAUSTED,
        "RATE_LIMITED",
        f"the limit of {description} is reached",
        hint="send again after the retry time, with the same idempotency key",
        quotas=(QuotaViolation("user_channel", description),),
        # A hair more than the truth, so that who comes back on time does not come a millisecond early.
        retry_after=refused.retry_after + 0.05,
    )


def limiter_unavailable(closed: Closed) -> PulseError:
    """UNAVAILABLE: SMS costs money and is abused, so it does not go uncounted."""
    return PulseError(
        Code.UNAVAILABLE,
        "LIMITER_UNAVAILABLE",
        "SMS is not accepted while its limits cannot be counted",
        hint="send again after the retry time, with the same idempotency key",
        retry_after=max(closed.retry_after, 1.0),
    )


def no_route(channel: str) -> PulseError:
    """INVALID_ARGUMENT: the channel is not one that providers are set for."""
    return PulseError(Code.INVALID_ARGUMENT, "NO_ROUTE", f"no provider serves the channel {channel}")


def impossible_time(field: str) -> PulseError:
    """INVALID_ARGUMENT: a timestamp that no calendar has."""
    return invalid([Violation(field, "is not a time between the years 1 and 9999")])


def unknown_key(error: PulseError) -> PulseError:
    """UNAVAILABLE: the limits refuse, but a known idempotency key would have its answer, and nobody can look."""
    return PulseError(
        Code.UNAVAILABLE,
        "LEDGER_UNAVAILABLE",
        f"whether the idempotency key was used before cannot be told now ({error.reason})",
        hint="send again with the same idempotency key",
        retry_after=1.0,
    )
