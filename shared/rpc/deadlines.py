"""Deadlines that travel: each hop passes on what is left, less a little.

The inner call so times out first, and the error names the hop that was slow, not the one that waited.
"""

from __future__ import annotations

import contextvars
import time

#: A call without a deadline gets this one; one that is longer is cut to it, s.
LONGEST = 30.0
#: What each hop keeps for itself to answer with, s, or a tenth of what is left if that is less.
SHAVE = 0.05

_ends_at: contextvars.ContextVar[float | None] = contextvars.ContextVar("pulse_deadline", default=None)


def start(remaining: float | None, longest: float = LONGEST) -> float:
    """Begins a call that has ``remaining`` seconds (None: no deadline given); returns the seconds it really gets."""
    seconds = longest if remaining is None else min(max(remaining, 0.0), longest)
    _ends_at.set(time.monotonic() + seconds)
    return seconds


def remaining(default: float = LONGEST) -> float:
    """Seconds left for a call to the next hop; ``default`` outside of any call. Never below a millisecond."""
    ends_at = _ends_at.get()
    if ends_at is None:
        return default
    left = ends_at - time.monotonic()
    return max(left - min(SHAVE, left / 10), 0.001)
