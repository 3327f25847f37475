"""When a failed attempt is followed by the next one.

Full jitter (M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015): a random time between nothing
and the exponential ceiling spreads the retries of many notifications that failed together.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from services.ledger.delivery import Channel

#: A number in [0, 1).
Random = Callable[[], float]


@dataclass(frozen=True)
class RetryPolicy:
    """All in seconds: the first ceiling, the highest one, and the longest wait a provider can ask for."""

    base: float = 2.0
    cap: float = 300.0
    longest_retry_after: float = 900.0
    #: Attempts at the most; None: as many as each notification was accepted with.
    max_attempts: int | None = None

    def delay(self, attempt: int, random: Random, retry_after: float = 0.0) -> float:
        """Seconds to wait after ``attempt`` (from 1) failed; at least ``retry_after``, which is clamped."""
        ceiling = min(self.cap, self.base * 2.0 ** min(attempt - 1, 60))
        asked = min(max(retry_after, 0.0), self.longest_retry_after)
        return max(random() * ceiling, asked)

    def horizon(self, attempts: int) -> float:
        """The longest time that ``attempts`` can take when every wait is the longest possible, s."""
        return max(0, attempts - 1) * max(self.cap, self.longest_retry_after)


#: What a policy says differently from the one it overrides.
Override = Mapping[str, Any]


@dataclass(frozen=True)
class RetryPolicies:
    """One policy for all, and what channels and providers have differently, by their names in lower case.

    A provider's word counts before its channel's.
    """

    default: RetryPolicy = RetryPolicy()
    overrides: Mapping[str, Override] = dataclasses.field(default_factory=dict)

    def of(self, channel: Channel, provider: str) -> RetryPolicy:
        """The policy of attempts by ``provider`` on ``channel``."""
        if not self.overrides:
            return self.default
        said = {**self.overrides.get(channel.lower(), {}), **self.overrides.get(provider.lower(), {})}
        return dataclasses.replace(self.default, **said)

    def max_attempts(self, channel: Channel, provider: str, asked: int) -> int:
        """Attempts at the most for what is accepted for ``provider`` first, having asked for so many."""
        return self.of(channel, provider).max_attempts or asked

    def all(self) -> Iterator[RetryPolicy]:
        """Every policy that can come about."""
        providers = self.overrides.keys() - {channel.lower() for channel in Channel}
        return itertools.starmap(self.of, itertools.product(Channel, [*providers, ""]))
