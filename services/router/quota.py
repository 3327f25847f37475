"""Quota: what the limiter is asked for each submission and what it can answer.

A place is one admission's share of a window. It is held under a token: the idempotency key's hash, so
that repeating a key takes no second place, or else the notification's id.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``count`` admissions in any window of ``seconds``."""

    count: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.count} per {self.seconds:g} s"


@dataclass(frozen=True, slots=True)
class Claim:
    """A wish for a place."""

    key: str  # whose window: the hash of tenant, user and channel
    token: str  # what holds the place
    counted: bool = True  # False only asks whether there is a place
    strict: bool = False  # refused, not counted here alone, while the shared count is away


@dataclass(frozen=True, slots=True)
class Place:
    """A place that was newly taken, to be given back if nothing comes of it."""

    key: str
    token: str
    taken_at: int | None  # in the shared window's time, µs; None: taken in this process alone


@dataclass(frozen=True, slots=True)
class Admitted:
    """It may go. ``place`` is None if it cost none: a repetition, or only a question."""

    place: Place | None
    local: bool = False  # counted by this process alone


@dataclass(frozen=True, slots=True)
class Refused:
    """The window is full; a place becomes free in ``retry_after`` s."""

    retry_after: float


@dataclass(frozen=True, slots=True)
class Closed:
    """The shared count is away and the claim is strict; worth another try in ``retry_after`` s."""

    retry_after: float


Verdict = Admitted | Refused | Closed


def window_key(tenant_id: str, user_id: str, channel: str) -> str:
    """Whose window, as 32 hex digits: nothing personal stands in Redis. The lengths keep names apart."""
    return _digest(f"{len(tenant_id)}:{tenant_id}{len(user_id)}:{user_id}{channel}")


def place_token(tenant_id: str, idempotency_key: str, notification_id: str) -> str:
    """What holds the place: the key's hash if there is a key, else the notification's id."""
    return _digest(f"{len(tenant_id)}:{tenant_id}{idempotency_key}") if idempotency_key else notification_id


def limit_reason(limit: Limit, admitted: Admitted) -> str:
    """Why it was admitted, in one sentence."""
    if admitted.local:
        return f"Within {limit}, counted by one router alone while Redis is away."
    if admitted.place is None:
        return "The idempotency key has its place already."
    return f"Within {limit} for this user and channel."


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
