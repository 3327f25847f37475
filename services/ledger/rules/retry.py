"""When a failed attempt is followed by the next one.

Waits grow exponentially, each a random time between a half and the whole of what it is at the most ("equal jitter" in
M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015): notifications that failed together come
again apart, and none of them so soon that a greylisting server counts from the beginning.
"""

from __future__ import annotations

import dataclasses
import enum
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from shared.channel.table import Channel

#: A number in [0, 1).
Random = Callable[[], float]

#: However little time a notification has left, its waits are not shortened below this, s.
_SHORTEST = 1.0


#: Policies that are remembered.
_MOST_MADE = 1_000

#: Where another channel takes over once this one has failed: it must not have to wait for hours.
BEFORE_FALLBACK = "fallback"


class Cause(enum.StrEnum):
    """What a failure that may pass is about."""

    PROVIDER = "PROVIDER"
    RECIPIENT = "RECIPIENT"
    CONFIGURATION = "CONFIGURATION"


@dataclass(frozen=True)
class RetryPolicy:
    """Times in seconds: the first wait and the longest, at the most, and the longest that a provider can ask for."""

    base: float = 2.0
    cap: float = 900.0
    longest_retry_after: float = 3600.0
    #: By how much a wait is longer than the one before.
    growth: float = 4.0
    #: Attempts at the most; None: as many as each notification was accepted with.
    max_attempts: int | None = None

    def delay(self, attempt: int, random: Random, retry_after: float = 0.0, left: float = math.inf) -> float:
        """Seconds to wait after ``attempt`` (from 1) failed; at least ``retry_after``, which is clamped.

        What expires in ``left`` seconds waits for the half of them at the most, so that it is tried again in time.
        """
        wait = min(self.cap, self.base * self.growth ** min(attempt - 1, 60), max(left / 2, _SHORTEST))
        asked = min(max(retry_after, 0.0), self.longest_retry_after)
        return max(wait * (1.0 + random()) / 2, asked)

    def horizon(self, attempts: int) -> float:
        """The longest time that ``attempts`` can take when every wait is the longest possible, s."""
        return max(0, attempts - 1) * max(self.cap, self.longest_retry_after)


#: What stands beside channels and providers in policies.
SITUATIONS = (Cause.RECIPIENT.lower(), Cause.CONFIGURATION.lower(), BEFORE_FALLBACK)

#: What a policy says differently from the one it overrides.
RetryOverride = Mapping[str, Any]

#: What Pulse has differently by itself. Mail servers are away for hours, and try for days
#: themselves (RFC 5321, section 4.5.4.1); greylisting takes minutes, a mailbox is emptied in hours, and an operator
#: needs some time too.
BUILT_IN: Mapping[str, RetryOverride] = MappingProxyType(
    {
        **{channel.lower(): {"cap": 3600.0} for channel in Channel if channel.facts.patient},
        "recipient": {"base": 300.0, "growth": 2.0},
        "configuration": {"base": 60.0, "cap": 3600.0},
        BEFORE_FALLBACK: {"growth": 2.0},
    }
)


@dataclass(frozen=True)
class RetryPolicies:
    """One policy for all, and what channels, providers and situations have differently, by their names in lower case.

    A situation's word counts before a provider's, and that before its channel's.
    """

    default: RetryPolicy = RetryPolicy()
    overrides: Mapping[str, RetryOverride] = dataclasses.field(default_factory=dict)
    #: How often workers may hand one back, unsent.
    hand_backs: int = 100
    _made: dict[tuple[str, str, str], RetryPolicy] = dataclasses.field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def of(self, channel: Channel, provider: str, situation: str = "") -> RetryPolicy:
        """The policy of attempts by ``provider`` on ``channel``, in one of :data:`SITUATIONS` or in none."""
        made = self._made.get((channel, provider, situation))
        if made is None:
            said: dict[str, Any] = {}
            for name in (channel.lower(), provider.lower(), situation):
                said |= {**BUILT_IN.get(name, {}), **self.overrides.get(name, {})}
            made = dataclasses.replace(self.default, **said)
            if len(self._made) < _MOST_MADE:
                self._made[channel, provider, situation] = made
        return made

    def after(self, channel: Channel, provider: str, cause: Cause, *, falls_back: bool) -> RetryPolicy:
        """The policy after an attempt that failed for ``cause``; ``falls_back``: another channel is still to come."""
        situation = BEFORE_FALLBACK if falls_back else "" if cause is Cause.PROVIDER else cause.lower()
        return self.of(channel, provider, situation)

    def max_attempts(self, channel: Channel, provider: str, asked: int) -> int:
        """Attempts at the most for what is accepted for ``provider`` first, having asked for so many."""
        return self.of(channel, provider).max_attempts or asked

    def all(self, situations: Iterable[str] = ("", *SITUATIONS)) -> Iterator[RetryPolicy]:
        """Every policy that can come about in ``situations``; in none of them where it is empty text."""
        providers = [*(self.overrides.keys() - {*(channel.lower() for channel in Channel), *SITUATIONS}), ""]
        return itertools.starmap(self.of, itertools.product(Channel, providers, situations))
