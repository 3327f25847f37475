"""Refusals: why a submission may not go, in a form that callers can act on."""

from __future__ import annotations

from services.router.rules.quota import Closed, LimitReached
from shared.errors import Code, PulseError, QuotaViolation, Violation, invalid


def rate_limited(reached: LimitReached) -> PulseError:
    """RESOURCE_EXHAUSTED; names the limit, not the user."""
    bound = reached.state.bound
    return PulseError(
        Code.RESOURCE_EXHAUSTED,
        "RATE_LIMITED",
        f"the limit of {bound} is reached",
        hint="send again after the retry time, with the same idempotency key",
        quotas=(QuotaViolation(bound.kind.value, str(bound), bound.limit.count),),
        # A hair more than the truth, so that who comes back on time does not come a millisecond early.
        retry_after=reached.state.reset + 0.05,
        metadata={
            "limit": bound.kind.value,
            "amount": str(bound.limit.count),
            "window_seconds": f"{bound.limit.seconds:g}",
        },
    )


def limiter_unavailable(closed: Closed) -> PulseError:
    """UNAVAILABLE: SMS costs money and is abused, so it does not go uncounted."""
    return PulseError(
        Code.UNAVAILABLE,
        "LIMITER_UNAVAILABLE",
        "SMS, and what has limits too small to be shared, is not accepted while its limits cannot be counted",
        hint="send again after the retry time, with the same idempotency key",
        retry_after=max(closed.retry_after, 1.0),
    )


def prefix_denied(channel: str, prefix: str) -> PulseError:
    """PERMISSION_DENIED: nothing about the request or its time is wrong; it is not allowed until somebody allows it."""
    return PulseError(
        Code.PERMISSION_DENIED,
        "SMS_PREFIX_DENIED",
        f"SMS to numbers that begin with {prefix} is not allowed",
        hint=f"to allow it, an operator sets the limit sms_prefix:{prefix} to an amount above 0",
        metadata={"prefix": prefix, "channel": channel},
    )


def no_route() -> PulseError:
    """INVALID_ARGUMENT: the channel is not said, or newer than this release."""
    return PulseError(Code.INVALID_ARGUMENT, "NO_ROUTE", "no provider serves the channel CHANNEL_UNSPECIFIED")


def channel_repeated(fallback: int) -> PulseError:
    """INVALID_ARGUMENT: each channel stands once in a notification."""
    field = f"fallbacks[{fallback}].channel"
    return invalid([Violation(field, "is a channel that stands before it already")], "CHANNEL_REPEATED")


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


def yields_to_known_key(error: PulseError) -> bool:
    """Whether a known idempotency key has its answer all the same, as nothing is wrong with the request itself."""
    return error.code is Code.PERMISSION_DENIED
