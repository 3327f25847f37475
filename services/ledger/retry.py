"""When a failed attempt is followed by the next one.

Full jitter (M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015): a random time between nothing
and the exponential ceiling spreads the retries of many notifications that failed together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

#: A number in [0, 1).
Random = Callable[[], float]


@dataclass(frozen=True)
class RetryPolicy:
    """All in seconds: the first ceiling, the highest one, and the longest wait a provider can ask for."""

    base: float = 2.0
    cap: float = 300.0
    longest_retry_after: float = 900.0

    def delay(self, attempt: int, random: Random, retry_after: float = 0.0) -> float:
        """Seconds to wait after ``attempt`` (from 1) failed; at least ``retry_after``, which is clamped."""
        ceiling = min(self.cap, self.base * 2.0 ** min(attempt - 1, 60))
        asked = min(max(retry_after, 0.0), self.longest_retry_after)
        return max(random() * ceiling, asked)

    def horizon(self, attempts: int) -> float:
        """The longest time that ``attempts`` can take when every wait is the longest possible, s."""
        return max(0, attempts - 1) * max(self.cap, self.longest_retry_after)
