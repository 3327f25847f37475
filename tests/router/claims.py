"""Claims as planning makes them, and the checker for what limits promise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from services.router.rules.quota import Bound, Claim, Kind, Limit, Terms, Verdict, tenant_key, window_key

LIMIT = Limit(10, 60)
ADA = window_key("acme", "ada", "EMAIL")


def bound(kind: Kind = Kind.USER_CHANNEL, limit: Limit = LIMIT, cost: int = 1) -> Bound:
    """One limit, in the words of its test."""
    return Bound(kind, limit, f"for this {kind.value}", cost)


USER_CHANNEL = Terms((bound(),))


def claim(
    token: str, key: str = ADA, terms: Terms = USER_CHANNEL, *, counted: bool = True, strict: bool = False
) -> Claim:
    """A wish for a place in the window of ``key`` and, where the terms have more limits, in those of one tenant."""
    others = (tenant_key(one.kind, "acme", one.limit.seconds) for one in terms.bounds[1:])
    return Claim(terms, (key, *others), token, counted, strict)


def terms(*bounds: Bound, limit: Limit = LIMIT) -> Terms:
    """The limit of a user and channel, and ``bounds``."""
    return Terms((replace(bound(), limit=limit), *bounds))


def taken_at(verdict: Verdict) -> float:
    """When an admission's places were taken, s by Redis's clock."""
    place = getattr(verdict, "place", None)
    assert place and place.taken_at, "it took no place in Redis"
    return float(place.taken_at) / 1e6


def most_in_any_window(times: Sequence[float], seconds: float) -> int:
    """The checker: the most admissions that any window of ``seconds``, both ends included, holds."""
    ordered = sorted(times)
    return max((sum(start <= one <= start + seconds for one in ordered) for start in ordered), default=0)
