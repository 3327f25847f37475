"""The shared windows in Redis or Valkey: one script call decides on a whole batch, over all limits of each claim.

Exact limits are kept by a sliding window log: each admission is an entry with its time, and entries older than
the window do not count. Limits that may be large are kept in slots, a 60th of the window each, which count for as
long as any moment of them may lie in the window. The server's clock is the only one, so that any number of
routers agree.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from importlib import resources

from services.router.rules.quota import LOGGED, Admitted, Claim, LimitReached, Place, Standing, Terms
from services.router.shared_redis import SharedRedis

#: The braces make it a hash tag: in a cluster all windows lie in one slot, as one script may touch only one.
_PREFIX = "{pulse:limit}:"

_PLACES_TAKEN = 0
_REFUSED = 3


class SharedWindows:
    """Takes and gives back places."""

    def __init__(self, redis: SharedRedis, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._monotonic = monotonic
        self._take = redis.script(_script("limits.lua"))
        self._give_back = redis.script(_script("refunds.lua"))

    async def take(self, claims: Sequence[Claim]) -> list[Admitted | LimitReached]:
        """What became of each claim, all decided at one moment; raises
        :class:`services.router.shared_redis.RedisUnavailableError`.
        """
        numbers = _numbered(claims)
        arguments = _terms(numbers)
        for claim in claims:
            number = numbers[claim.terms]
            arguments += (claim.token, number if claim.counted else -number)
        now, *answers = await self._redis.run(self._take, _keys(claims), arguments)
        noted_at = self._monotonic()
        rows = zip(answers[0::4], answers[1::4], answers[2::4], answers[3::4], strict=True)
        return [_verdict(claim, row, now, noted_at) for claim, row in zip(claims, rows, strict=True)]

    async def give_back(self, places: Sequence[Place]) -> None:
        """Frees the places that nobody shares; raises
        :class:`services.router.shared_redis.RedisUnavailableError`.
        """
        claims = [place.claim for place in places]
        numbers = _numbered(claims)
        arguments = _terms(numbers)
        for place in places:
            arguments += (place.claim.token, numbers[place.claim.terms], place.taken_at or 0)
        await self._redis.run(self._give_back, _keys(claims), arguments)


def _verdict(claim: Claim, row: tuple[int, int, int, int], now: int, noted_at: float) -> Admitted | LimitReached:
    verdict, limit, remaining, reset = row
    standing = Standing(claim.terms.bounds[limit], remaining, reset / 1_000_000)
    if verdict == _REFUSED:
        return LimitReached(standing)
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
    folder = resources.files(__package__)
    return "\n".join(folder.joinpath(part).read_text(encoding="utf-8") for part in ("counts.lua", name))
