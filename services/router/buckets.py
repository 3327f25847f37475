"""The providers' token buckets in Redis or Valkey, shared by all routers: one script call for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from services.router.lanes import Lane
from services.router.provider_rates import Rate

#: The braces make it a hash tag: in a cluster all buckets lie in one slot, as one script may touch only one.
_PREFIX = "{pulse:rate}:"

Answer = TypeVar("Answer")


class BucketsUnavailableError(Exception):
    """Redis is gone; tokens may have been taken."""


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
    """Takes tokens and gives them back; no call lasts longer than ``timeout`` s."""

    def __init__(self, redis_url: str, timeout: float) -> None:
        # No time-outs of the driver's own: it keeps them by asyncio.wait_for, which in Python 3.11 can swallow a
        # cancellation (https://bugs.python.org/issue37658).
        self._redis = Redis.from_url(
            redis_url, retry=Retry(NoBackoff(), 1), socket_timeout=None, socket_connect_timeout=None
        )
        self._timeout = timeout
        self._take = self._redis.register_script(_script("take_tokens.lua"))
        self._give_back = self._redis.register_script(_script("return_tokens.lua"))

    async def take(self, lane: Lane, wanted: Sequence[Wanted], *, afresh: bool) -> list[Taken]:
        """What there is of each, at one moment; raises :class:`BucketsUnavailableError`.

        ``afresh``: tokens may have been taken without Redis. The buckets are taken to be empty.
        """
        arguments: list[str | int] = [lane.value, int(afresh)]
        for one in wanted:
            arguments += (one.rate.burst, one.rate.interval, one.count, int(one.hungry))
        answers = iter(await self._bounded(self._take([_PREFIX + one.provider for one in wanted], arguments)))
        return [
            Taken(one.provider, count, wait / 1_000_000, full_at, one.rate.interval)
            for one, count, wait, full_at in zip(wanted, answers, answers, answers, strict=True)
        ]

    async def give_back(self, unused: Sequence[tuple[Taken, int]]) -> None:
        """Gives so many of each back, those that are Redis's; raises :class:`BucketsUnavailableError`."""
        keys: list[str] = []
        arguments: list[str | int] = []
        for taken, count in unused:
            if taken.shared:
                keys.append(_PREFIX + taken.provider)
                arguments += (taken.full_at, taken.full_at - count * taken.interval)
        if keys:
            await self._bounded(self._give_back(keys, arguments))

    async def close(self) -> None:
        """Closes the connections."""
        await self._redis.aclose()

    async def _bounded(self, call: Awaitable[Answer]) -> Answer:
        try:
            async with asyncio.timeout(self._timeout):
                return await call
        except (RedisError, OSError, TimeoutError) as error:
            raise BucketsUnavailableError(type(error).__name__) from error


def _script(name: str) -> str:
    return resources.files("services.router").joinpath(name).read_text(encoding="utf-8")
