"""The fallbacks of what is to be recorded: whether they can be, and when the first takes over."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

from services.ledger.rules import fallbacks
from services.ledger.rules.fallbacks import Leg
from shared.errors import Violation

#: Most legs after the first.
MOST = 8
#: Most bytes in UTF-8 of a leg's recipient, and most providers in its route.
LONGEST_RECIPIENT, LONGEST_ROUTE = 4096, 32
#: Longest time after which a leg takes over, s.
LONGEST_AFTER = 7 * 24 * 3600.0


def fallback_violations(legs: Sequence[Leg]) -> Iterator[Violation]:
    """Everything that keeps the legs from being stored."""
    if len(legs) > MOST:
        yield Violation("fallbacks", f"must be at most {MOST}")
    for number, leg in enumerate(legs):
        yield from _leg_violations(leg, f"fallbacks[{number}]")


def first_fallback(legs: Sequence[Leg], ready_at: dt.datetime, due_at: dt.datetime) -> dict[str, Any]:
    """The columns of what may be tried from ``ready_at`` on and would be looked at at ``due_at``."""
    takes_over_at = fallbacks.takes_over_at(legs[0], ready_at) if legs else None
    due_at = due_at if takes_over_at is None else min(due_at, takes_over_at)
    return {"fallbacks": [leg._asdict() for leg in legs] or None, "fallback_at": takes_over_at, "due_at": due_at}


def longest_wait(legs: Sequence[Leg], horizon: float) -> float:
    """The longest time until the last of ``legs`` takes over, s; ``horizon`` is that of attempts by one channel."""
    return sum(horizon if leg.after is None else leg.after for leg in legs)


def _leg_violations(leg: Leg, path: str) -> Iterator[Violation]:
    if not leg.to and leg.channel.facts.needs_address:
        yield Violation(f"{path}.to", "is required")
    if len(leg.to.encode()) > LONGEST_RECIPIENT:
        yield Violation(f"{path}.to", f"must be at most {LONGEST_RECIPIENT} bytes")
    if not 1 <= len(leg.route) <= LONGEST_ROUTE or not all(leg.route):
        yield Violation(f"{path}.route", f"must have 1 to {LONGEST_ROUTE} providers")
    if leg.after is not None and not 0 < leg.after <= LONGEST_AFTER:
        yield Violation(f"{path}.after", f"must be above 0 and at most {LONGEST_AFTER:.0f} s")
