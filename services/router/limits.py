"""The shared windows in Redis or Valkey: one script call decides on a whole batch, over all limits of each claim.

Exact limits are kept by a sliding window log: each admission is an entry with its time, and entries older than
the window do not count. Limits that may be large are kept in slots, a 60th of the window each, which count for as
long as any moment of them may lie in the window. The server's clock is the only one, so that any number of
routers agree.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from importlib import resources
from typing import TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from services.router.quota import LOGGED, Admitted, Claim, Place, Refused, Standing, Terms

#: The braces make it a hash tag: in a cluster all windows lie in one slot, as one script may touch only one.
_PREFIX = "{pulse:limit}:"

_PLACES_TAKEN = 0
_REFUSED = 3

Answer = TypeVar("Answer")


class LimiterUnavailableError(Exception):
    """Redis is gone; what was asked may or may not have been done."""


class LimiterSlowError(LimiterUnavailableError):
    """Redis did not answer in time; it may only be busy."""


class SharedWindows:
    """Takes and gives back places; no call lasts longer than ``timeout`` s."""

    def __init__(self, redis_url: str, timeout: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        # One retry renews a connection that was cut while idle; tokens make doing it twice harmless.
        # No time-outs of the driver's own: they would end a call that only this process's own pause made late.
        self._redis = Redis.from_url(
            redis_url, retry=Retry(NoBackoff(), 1), socket_timeout=None, socket_connect_timeout=None
        )
        self._timeout = timeout
        self._monotonic = monotonic
        self._take = self._redis.register_script(_script("limits.lua"))
        self._give_back = self._redis.register_script(_script("refunds.lua"))

    async def take(self, claims: Sequence[Claim]) -> list[Admitted | Refused]:
        """What became of each claim, all decided at one moment; raises :class:`LimiterUnavailableError`."""
        numbers = _numbered(claims)
        arguments = _terms(numbers)
        for claim in claims:
            number = numbers[claim.terms]
            arguments += (claim.token, number if claim.counted else -number)
        now, *answers = await self._bounded(self._take(_keys(claims), arguments))
        noted_at = self._monotonic()
        rows = zip(answers[0::4], answers[1::4], answers[2::4], answers[3::4], strict=True)
        return [_verdict(claim, row, now, noted_at) for claim, row in zip(claims, rows, strict=True)]

    async def give_back(self, places: Sequence[Place]) -> None:
        """Frees the places that nobody shares; raises :class:`LimiterUnavailableError`."""
        claims = [place.claim for place in places]
        numbers = _numbered(claims)
        arguments = _terms(numbers)
        for place in places:
            arguments += (place.claim.token, numbers[place.claim.terms], place.taken_at or 0)
        await self._bounded(self._give_back(_keys(claims), arguments))

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


def _verdict(claim: Claim, row: tuple[int, int, int, int], now: int, noted_at: float) -> Admitted | Refused:
    verdict, limit, remaining, reset = row
    standing = Standing(claim.terms.bounds[limit], remaining, reset / 1_000_000)
    if verdict == _REFUSED:
        return Refused(standing)
    return Admitted(Place(claim, now, noted_at) if verdict == _PLACES_TAKEN else None, standing)


def _numbered(claims: Iterable[Claim]) -> dict[Terms, int]:
    """The terms of all claims, numbered from 1."""
    numbers: dict[Terms, int] = {}
    for claim in claims:
        numbers.setdefault(claim.terms, len(numbers) + 1)
    return numbers


def _terms(numbers: Collection[Terms]) -> list[str | int]:
    """As both scripts read them."""
    written: list[str | int] = [len(numbers)]
    for terms in numbers:
        written.append(len(terms.bounds))
        for bound in terms.bounds:
            structure = "log" if bound.kind in LOGGED else "slots"
            written += (structure, bound.limit.count, round(bound.limit.seconds * 1_000_000), bound.cost)
    return written


def _keys(claims: Iterable[Claim]) -> list[str]:
    return [_PREFIX + key for claim in claims for key in claim.keys]


def _script(name: str) -> str:
    """A script behind what both share."""
    folder = resources.files("services.router")
    return "\n".join(folder.joinpath(part).read_text(encoding="utf-8") for part in ("counts.lua", name))
