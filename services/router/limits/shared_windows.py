"""The shared windows in Redis or Valkey: one script call decides on a whole batch, over all limits of each request.

Exact limits are kept by a sliding window log: each admission is an entry with its time, and entries older than
the window do not count. Limits that may be large are kept in slots, a 60th of the window each, which count for as
long as any moment of them may lie in the window. The server's clock is the only one, so that any number of
routers agree.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from importlib import resources

from services.router.rules.quota import (
    LOGGED,
    Admitted,
    ApplicableLimits,
    LimitReached,
    LimitState,
    QuotaRequest,
    Reservation,
)
from services.router.shared_redis import SharedRedis

#: The braces make it a hash tag: in a cluster all windows lie in one slot, as one script may touch only one.
_PREFIX = "{pulse:limit}:"

_RESERVED = 0
_REFUSED = 3


class SharedWindows:
    """Makes and gives back reservations."""

    def __init__(self, redis: SharedRedis, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._monotonic = monotonic
        self._take = redis.script(_script("limits.lua"))
        self._give_back = redis.script(_script("refunds.lua"))

    async def take(self, requests: Sequence[QuotaRequest]) -> list[Admitted | LimitReached]:
        """What became of each request, all decided at one moment; raises
        :class:`services.router.shared_redis.RedisUnavailableError`.
        """
        numbers = _numbered(requests)
        arguments = _applicable(numbers)
        for request in requests:
            number = numbers[request.applicable]
            arguments += (request.token, number if request.counted else -number)
        now, *answers = await self._redis.run(self._take, _keys(requests), arguments)
        noted_at = self._monotonic()
        rows = zip(answers[0::4], answers[1::4], answers[2::4], answers[3::4], strict=True)
        return [_verdict(request, row, now, noted_at) for request, row in zip(requests, rows, strict=True)]

    async def give_back(self, reservations: Sequence[Reservation]) -> None:
        """Frees the reservations that nobody shares; raises
        :class:`services.router.shared_redis.RedisUnavailableError`.
        """
        requests = [reservation.request for reservation in reservations]
        numbers = _numbered(requests)
        arguments = _applicable(numbers)
        for reservation in reservations:
            arguments += (reservation.request.token, numbers[reservation.request.applicable], reservation.taken_at or 0)
        await self._redis.run(self._give_back, _keys(requests), arguments)


def _verdict(
    request: QuotaRequest, row: tuple[int, int, int, int], now: int, noted_at: float
) -> Admitted | LimitReached:
    verdict, limit, remaining, reset = row
    state = LimitState(request.applicable.bounds[limit], remaining, reset / 1_000_000)
    if verdict == _REFUSED:
        return LimitReached(state)
    return Admitted(Reservation(request, now, noted_at) if verdict == _RESERVED else None, state)


def _numbered(requests: Iterable[QuotaRequest]) -> dict[ApplicableLimits, int]:
    """The applicable limits of all requests, numbered from 1."""
    numbers: dict[ApplicableLimits, int] = {}
    for request in requests:
        numbers.setdefault(request.applicable, len(numbers) + 1)
    return numbers


def _applicable(numbers: Collection[ApplicableLimits]) -> list[str | int]:
    """As both scripts read them."""
    written: list[str | int] = [len(numbers)]
    for applicable in numbers:
        written.append(len(applicable.bounds))
        for bound in applicable.bounds:
            structure = "log" if bound.kind in LOGGED else "slots"
            written += (structure, bound.limit.count, round(bound.limit.seconds * 1_000_000), bound.cost)
    return written


def _keys(requests: Iterable[QuotaRequest]) -> list[str]:
    return [_PREFIX + key for request in requests for key in request.keys]


def _script(name: str) -> str:
    """A script behind what both share."""
    folder = resources.files(__package__)
    return "\n".join(folder.joinpath(part).read_text(encoding="utf-8") for part in ("counts.lua", name))
