"""A token bucket in this process's memory, as the generic cell rate algorithm (ITU-T I.371).

The bucket is one number: the time at which it is full again.
"""

from __future__ import annotations

from services.router.rules.provider_rates import Rate


class TokenBucket:
    """Times are µs of one clock, given by the caller. It is empty at first: what was taken before is not known."""

    def __init__(self, rate: Rate, now: int) -> None:
        self.rate = rate
        self._full_at = now + rate.burst * rate.interval

    @property
    def full_at(self) -> int:
        """When it is full again."""
        return self._full_at

    def take(self, wanted: int, now: int) -> int:
        """Takes as many of ``wanted`` tokens as there are."""
        full_at = max(self._full_at, now)
        granted = min(wanted, (now + self.rate.burst * self.rate.interval - full_at) // self.rate.interval)
        self._full_at = full_at + granted * self.rate.interval
        return granted

    def give_back(self, count: int, full_at: int) -> None:
        """Gives back tokens that left it full at ``full_at``; once others were taken since, they are lost."""
        if self._full_at == full_at:
            self._full_at -= count * self.rate.interval

    def wait(self, now: int) -> int:
        """Time until there is a token, µs; 0: there is one."""
        return max(self._full_at - (self.rate.burst - 1) * self.rate.interval - now, 0)
