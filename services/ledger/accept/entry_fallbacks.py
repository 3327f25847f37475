"""The fallbacks of what is to be recorded: whether they can be, and when the first takes over."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

from services.ledger.rules import fallbacks
from services.ledger.rules.fallbacks import Fallback
from shared.errors import Violation

#: Most fallbacks.
MOST = 8
#: Most bytes in UTF-8 of a fallback's recipient, and most providers in its route.
LONGEST_RECIPIENT, LONGEST_ROUTE = 4096, 32
#: Longest time after which one takes over, s.
LONGEST_AFTER = 7 * 24 * 3600.0


def fallback_violations(given: Sequence[Fallback]) -> Iterator[Violation]:
    """Everything that keeps them from being stored."""
    if len(given) > MOST:
        yield Violation("fallbacks", f"must be at most {MOST}")
    for number, fallback in enumerate(given):
        yield from _violations(fallback, f"fallbacks[{number}]")


def first_fallback(given: Sequence[Fallback], ready_at: dt.datetime, due_at: dt.datetime) -> dict[str, Any]:
    """The columns of what may be tried from ``ready_at`` on and would be looked at at ``due_at``."""
    takes_over_at = fallbacks.takes_over_at(given[0], ready_at) if given else None
    due_at = due_at if takes_over_at is None else min(due_at, takes_over_at)
    return {"fallbacks": [one._asdict() for one in given] or None, "fallback_at": takes_over_at, "due_at": due_at}


def longest_wait(given: Sequence[Fallback], horizon: float) -> float:
    """The longest time until the last of them takes over, s; ``horizon`` is that of attempts by one channel."""
    return sum(horizon if one.after is None else one.after for one in given)


def _violations(fallback: Fallback, path: str) -> Iterator[Violation]:
    if not fallback.to and fallback.channel.facts.needs_address:
        yield Violation(f"{path}.to", "is required")
    if len(fallback.to.encode()) > LONGEST_RECIPIENT:
        yield Violation(f"{path}.to", f"must be at most {LONGEST_RECIPIENT} bytes")
    if not 1 <= len(fallback.route) <= LONGEST_ROUTE or not all(fallback.route):
        yield Violation(f"{path}.route", f"must have 1 to {LONGEST_ROUTE} providers")
    if fallback.after is not None and not 0 < fallback.after <= LONGEST_AFTER:
        yield Violation(f"{path}.after", f"must be above 0 and at most {LONGEST_AFTER:.0f} s")
