"""The providers' token buckets in Redis or Valkey, shared by all routers: one script call for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from services.router.rules.provider_rates import Rate
from services.router.shared_redis import SharedRedis
from shared.lane.names import Lane

#: The braces make it a hash tag: in a cluster all buckets lie in one slot, as one script may touch only one.
_PREFIX = "{pulse:rate}:"
#: Longest wait for an answer, s: it is the dispatcher that waits, not a caller.
_TIMEOUT = 0.25


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many tokens of a provider are wanted; ``hungry``: the lane used up what it was last given."""

    provider: str
    rate: Rate
    count: int
    hungry: bool


@dataclass(frozen=True, slots=True)
class Taken:
    """Tokens that were taken, and the time until there are more, s."""

    provider: str
    count: int
    wait: float
    #: When the bucket is full again, by its own clock, and what one token is worth in it, µs.
    full_at: int
    interval: int
    #: Whether they are Redis's.
    shared: bool = True


class SharedBuckets:
    """Takes tokens and gives them back."""

    def __init__(self, redis: SharedRedis) -> None:
        self._redis = redis
        self._take = redis.script(_script("take_tokens.lua"))
        self._give_back = redis.script(_script("return_tokens.lua"))

    async def take(self, lane: Lane, wanted: Sequence[Wanted], *, afresh: bool) -> list[Taken]:
        """What there is of each, at one moment; raises :class:`RedisUnavailableError`.

        ``afresh``: tokens may have been taken without Redis. The buckets are taken to be empty.
        """
        arguments: list[str | int] = [lane.value, int(afresh)]
        for one in wanted:
            arguments += (one.rate.burst, one.rate.interval, one.count, int(one.hungry))
        keys = [_PREFIX + one.provider for one in wanted]
        answers = iter(await self._redis.run(self._take, keys, arguments, _TIMEOUT))
        return [
            Taken(one.provider, count, wait / 1_000_000, full_at, one.rate.interval)
            for one, count, wait, full_at in zip(wanted, answers, answers, answers, strict=True)
        ]

    async def give_back(self, unused: Sequence[tuple[Taken, int]]) -> None:
        """Gives so many of each back, those that are Redis's.

        Raises :class:`services.router.shared_redis.RedisUnavailableError`.
        """
        keys: list[str] = []
        arguments: list[str | int] = []
        for taken, count in unused:
            if taken.shared:
                keys.append(_PREFIX + taken.provider)
                arguments += (taken.full_at, taken.full_at - count * taken.interval)
        if keys:
            await self._redis.run(self._give_back, keys, arguments, _TIMEOUT)


def _script(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
