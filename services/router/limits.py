"""The shared sliding windows in Redis or Valkey: one script call for a whole batch.

The algorithm is the sliding window log: each admission is an entry with its time, and entries older than
the window do not count. The server's clock is the only one, so that any number of routers agree.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Sequence
from importlib import resources
from typing import TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from services.router.quota import Admitted, Claim, Limit, Place, Refused

#: The braces make it a hash tag: in a cluster all windows lie in one slot, as one script may touch only one.
_PREFIX = "{pulse:limit}:"

_PLACE_TAKEN = 0
_HAS_PLACE = -1

Answer = TypeVar("Answer")


class LimiterUnavailableError(Exception):
    """Redis is gone; what was asked may or may not have been done."""


class LimiterSlowError(LimiterUnavailableError):
    """Redis did not answer in time; it may only be busy."""


class SharedWindows:
    """Takes and gives back places; no call lasts longer than ``timeout`` s."""

    def __init__(self, redis_url: str, limit: Limit, timeout: float) -> None:
        # One retry renews a connection that was cut while idle; tokens make doing it twice harmless.
        # No time-outs of the driver's own: they would end a call that only this process's own pause made late.
        self._redis = Redis.from_url(
            redis_url, retry=Retry(NoBackoff(), 1), socket_timeout=None, socket_connect_timeout=None
        )
        self._limit = limit
        self._timeout = timeout
        self._take = self._redis.register_script(_script("limits.lua"))
        self._give_back = self._redis.register_script(_script("refunds.lua"))

    async def take(self, claims: Sequence[Claim]) -> list[Admitted | Refused]:
        """What became of each claim, all decided at one moment; raises :class:`LimiterUnavailableError`."""
        arguments: list[str | int] = [self._limit.count, round(self._limit.seconds * 1_000_000)]
        for claim in claims:
            arguments += (claim.token, int(claim.counted))
        now, *answers = await self._bounded(self._take([_PREFIX + claim.key for claim in claims], arguments))
        return [_verdict(claim, answer, now) for claim, answer in zip(claims, answers, strict=True)]

    async def give_back(self, places: Sequence[Place]) -> None:
        """Frees the places that nobody shares; raises :class:`LimiterUnavailableError`."""
        arguments: list[str | int] = []
        for place in places:
            arguments += (place.token, place.taken_at or 0)
        await self._bounded(self._give_back([_PREFIX + place.key for place in places], arguments))

    async def close(self) -> None:
        """Closes the connections."""
        await self._redis.aclose()

    async def _bounded(self, call: Awaitable[Answer]) -> Answer:
        """The call's answer within the time-out.

        The wait is in two halves: if this process itself was held up, the first ends late, and what has
        arrived meanwhile is read in the second before Redis is called slow.
        """
        task = asyncio.ensure_future(call)
        try:
            for _ in range(2):
                done, _pending = await asyncio.wait({task}, timeout=self._timeout / 2)
                if done:
                    return task.result()
        except (RedisError, OSError) as error:
            raise LimiterUnavailableError(type(error).__name__) from error
        finally:
            await _end(task)
        raise LimiterSlowError(f"no answer within {self._timeout:g} s")


async def _end(task: asyncio.Future[Answer]) -> None:
    """Cancels what is still under way, and with it its connection: a late answer is nobody else's."""
    if not task.done():
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, RedisError, OSError):
            await task


def _verdict(claim: Claim, answer: int, now: int) -> Admitted | Refused:
    if answer > 0:
        return Refused(answer / 1_000_000)
    return Admitted(Place(claim.key, claim.token, now) if answer == _PLACE_TAKEN else None)


def _script(name: str) -> str:
    return resources.files("services.router").joinpath(name).read_text(encoding="utf-8")
