"""Circuit breaker: whether a provider is called, by how its last calls ended. Pure; its clock is injected.

The states are those of M. Nygard's *Release It!*, 2nd edition, chapter 5: CLOSED, OPEN, HALF_OPEN.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


class BreakerState(enum.Enum):
    """The names are the contract's; the values are what metrics show."""

    CLOSED = 0  # it is called
    HALF_OPEN = 1  # a few calls try whether it works again
    OPEN = 2  # it is not called


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When a breaker opens, and how it finds back. Times are in s."""

    calls: int = 50  # the last so many count,
    window: float = 30.0  # unless they are older
    least_calls: int = 10  # fewer prove nothing
    failure_share: float = 0.5  # from which on it opens
    pause: float = 5.0  # the first; doubled for each that ends in vain, up to:
    longest_pause: float = 30.0
    probes: int = 3  # calls at once while half-open, and successes that close it


class Breaker:
    """One provider's. Not for several threads.

    ``on_change`` is told each new state. Time passes at every question: an OPEN turns HALF_OPEN when somebody asks
    after its pause is over.
    """

    def __init__(
        self,
        policy: BreakerPolicy,
        now: Callable[[], float],
        on_change: Callable[[BreakerState], None] = lambda _: None,
    ) -> None:
        self._policy = policy
        self._now = now
        self._on_change = on_change
        self._state = BreakerState.CLOSED
        self._ended: deque[tuple[float, bool]] = deque(maxlen=policy.calls)  # when, and whether it failed
        self._pause = policy.pause
        self._until = 0.0  # OPEN: end of the pause; HALF_OPEN: when an untried one closes
        self._probes = 0  # permits given out
        self._successes = 0
        self._adopted = False
        self.reason = ""

    @property
    def state(self) -> BreakerState:
        """The state now."""
        now = self._now()
        if self._state is BreakerState.OPEN and now >= self._until:
            self._half_open(now)
        elif self._state is BreakerState.HALF_OPEN and now >= self._until and not self._probes:
            self._close("nothing was sent by it for long")
        return self._state

    @property
    def adopted(self) -> bool:
        """Whether the state is others' word, not its own experience."""
        return self._adopted

    @property
    def permits(self) -> int:
        """Probes that may be begun now; 0 unless HALF_OPEN."""
        if self.state is not BreakerState.HALF_OPEN:
            return 0
        return max(self._policy.probes - self._successes - self._probes, 0)

    def begin_probes(self, count: int) -> None:
        """Takes ``count`` permits; each comes back by :meth:`end_probe`."""
        self._probes += count

    def end_probe(self) -> None:
        """A probe is over, whether it came to a call or not."""
        self._probes -= 1

    def succeeded(self) -> None:
        """A call succeeded. One begun before the breaker opened does not close it."""
        state = self.state
        if state is BreakerState.OPEN:
            return
        self._ended.append((self._now(), False))
        if state is BreakerState.HALF_OPEN:
            self._adopted = False
            self._successes += 1
            self._until = self._now() + self._policy.longest_pause
            if self._successes >= self._policy.probes:
                self._close("its probes succeeded")

    def failed(self) -> None:
        """A call failed by the provider's own doing, or was left unanswered."""
        state = self.state
        if state is BreakerState.OPEN:
            return
        self._ended.append((self._now(), True))
        if state is BreakerState.HALF_OPEN:
            self._open_again("a probe failed")
            return
        failures, calls = self._counted()
        if calls >= self._policy.least_calls and failures >= calls * self._policy.failure_share:
            self._open(f"{failures} of the last {calls} calls failed")

    def stalled(self, seconds: float) -> None:
        """No call has ended for ``seconds``, though some are under way."""
        state = self.state
        reason = f"no call ended for {seconds:g} s"
        if state is BreakerState.CLOSED:
            self._open(reason)
        elif state is BreakerState.HALF_OPEN:
            self._open_again(reason)

    def hear(self, others_open: bool) -> None:
        """Takes over that others see it OPEN, or no longer do, while there is no experience of its own."""
        state = self.state
        if state is BreakerState.CLOSED and others_open and not self._counted()[1]:
            self._open("other workers find it failing")
            self._adopted = True
        elif state is BreakerState.OPEN and self._adopted and not others_open:
            self._half_open(self._now())

    def _counted(self) -> tuple[int, int]:
        """Failures and calls in the window."""
        oldest = self._now() - self._policy.window
        while self._ended and self._ended[0][0] < oldest:
            self._ended.popleft()
        return sum(failed for _, failed in self._ended), len(self._ended)

    def _open(self, reason: str) -> None:
        self._pause = self._policy.pause
        self._enter_open(reason)

    def _open_again(self, reason: str) -> None:
        self._pause = min(self._pause * 2, self._policy.longest_pause)
        self._enter_open(reason)

    def _enter_open(self, reason: str) -> None:
        self._until = self._now() + self._pause
        self._adopted = False
        self._enter(BreakerState.OPEN, reason)

    def _half_open(self, now: float) -> None:
        self._successes = 0
        self._until = now + self._policy.longest_pause
        self._enter(BreakerState.HALF_OPEN, "its pause is over")

    def _close(self, reason: str) -> None:
        # What the probes showed stays known: others' OPEN is not taken over again at once.
        successes = [ended for ended in self._ended if not ended[1]][-self._successes :] if self._successes else []
        self._ended.clear()
        self._ended.extend(successes)
        self._adopted = False
        self._enter(BreakerState.CLOSED, reason)

    def _enter(self, state: BreakerState, reason: str) -> None:
        self._state = state
        self.reason = reason
        self._on_change(state)
