"""Quota requests as planning makes them, and the checker for what limits promise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from services.router.rules.quota import (
    ApplicableLimits,
    Bound,
    Kind,
    QuotaRequest,
    Verdict,
    WindowLimit,
    tenant_key,
    window_key,
)

LIMIT = WindowLimit(10, 60)
ADA = window_key("acme", "ada", "EMAIL")


def bound(kind: Kind = Kind.USER_CHANNEL, limit: WindowLimit = LIMIT, cost: int = 1) -> Bound:
    """One limit, in the words of its test."""
    return Bound(kind, limit, f"for this {kind.value}", cost)


USER_CHANNEL = ApplicableLimits((bound(),))


def quota_request(
    token: str,
    key: str = ADA,
    applicable: ApplicableLimits = USER_CHANNEL,
    *,
    counted: bool = True,
    strict: bool = False,
) -> QuotaRequest:
    """A request of the window of ``key`` and, where more limits apply, in those of one tenant."""
    others = (tenant_key(one.kind, "acme", one.limit.seconds) for one in applicable.bounds[1:])
    return QuotaRequest(applicable, (key, *others), token, counted, strict)


def applicable(*bounds: Bound, limit: WindowLimit = LIMIT) -> ApplicableLimits:
    """The limit of a user and channel, and ``bounds``."""
    return ApplicableLimits((replace(bound(), limit=limit), *bounds))


def taken_at(verdict: Verdict) -> float:
    """When an admission's reservation was made, s by Redis's clock."""
    reservation = getattr(verdict, "reservation", None)
    assert reservation and reservation.taken_at, "it reserved nothing in Redis"
    return float(reservation.taken_at) / 1e6


def most_in_any_window(times: Sequence[float], seconds: float) -> int:
    """The checker: the most admissions that any window of ``seconds``, both ends included, holds."""
    ordered = sorted(times)
    return max((sum(start <= one <= start + seconds for one in ordered) for start in ordered), default=0)
