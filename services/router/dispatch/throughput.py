"""Throughput: what bounded providers may be given, by the shared buckets, or without them by this router's share."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence

from services.router.dispatch.shared_buckets import SharedBuckets, Taken, Wanted
from services.router.outage import Outage
from services.router.rules.provider_rates import ProviderRates
from services.router.rules.token_bucket import TokenBucket
from services.router.shared_redis import RedisUnavailableError
from shared.lane.names import Lane

#: Pause before Redis is tried again after a failure, s.
_RETRY_AFTER = 1.0


class Throughput:
    """Tokens for draws; a token is the permission to give a provider one notification.

    The lanes of all routers take from the same buckets, HIGH first. Without Redis each of ``replicas`` routers has an
    equal part of its own, which begins empty: what was taken from Redis just before is not taken again.
    """

    def __init__(
        self,
        rates: ProviderRates,
        shared: SharedBuckets,
        *,
        replicas: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rates = rates
        self._shared = shared
        self._replicas = replicas
        self._monotonic = monotonic
        self._own: dict[str, TokenBucket] = {}
        self._hungry: dict[Lane, set[str]] = {lane: set() for lane in Lane}
        self._look_at = dict.fromkeys(Lane, math.inf)
        self._try_again_at = -math.inf
        self.outage = Outage("redis (throughput)", "each router gives providers its share of their rates")

    def bounded(self, provider: str) -> bool:
        """Whether the provider has a bound."""
        return self._rates.bound(provider) is not None

    def wait(self, lane: Lane) -> float:
        """Time until there are tokens for what may wait for some, s; infinite: nothing is known to."""
        return max(self._look_at[lane] - self._monotonic(), 0.0)

    async def take(self, lane: Lane, most: int) -> list[Taken]:
        """Tokens for a draw of up to ``most``, of every bounded provider; a lost Redis is no error."""
        wanted = [
            Wanted(provider, rate, min(rate.burst, most), provider in self._hungry[lane])
            for provider in self._rates.bounded
            if (rate := self._rates.bound(provider))
        ]
        if wanted and self._monotonic() >= self._try_again_at:
            try:
                taken = await self._shared.take(lane, wanted, afresh=self.outage.away)
            except RedisUnavailableError as error:
                self._failed(error)
            else:
                self.outage.worked()
                self._own.clear()
                return taken
        return [self._take_own(one) for one in wanted]

    async def settle(self, lane: Lane, taken: Sequence[Taken], used: Mapping[str, int]) -> None:
        """Gives back what was not used, and notes when another draw is worth it."""
        unused = [(one, one.count - used.get(one.provider, 0)) for one in taken]
        # Where all was used, or there was nothing to use, more may wait: the next token will tell.
        waits = [one.wait for one, count in unused if count <= 0]
        self._look_at[lane] = self._monotonic() + min(waits, default=math.inf)
        self._hungry[lane] = {one.provider for one, count in unused if count <= 0 and self._is_hungry(lane, one)}
        surplus = [(one, count) for one, count in unused if count > 0]
        for one, count in surplus:
            if bucket := self._own.get(one.provider):
                bucket.give_back(count, one.full_at)
        if surplus and self._monotonic() >= self._try_again_at:
            try:
                await self._shared.give_back(surplus)
            except RedisUnavailableError as error:
                self._failed(error)

    def _is_hungry(self, lane: Lane, taken: Taken) -> bool:
        """Whether the lane is known to want more than it got: who got nothing is as hungry as before."""
        return taken.count > 0 or taken.provider in self._hungry[lane]

    def _failed(self, error: RedisUnavailableError) -> None:
        self._try_again_at = self._monotonic() + _RETRY_AFTER
        self.outage.failed(str(error))

    def _take_own(self, wanted: Wanted) -> Taken:
        now = round(self._monotonic() * 1_000_000)
        rate = wanted.rate.shared(self._replicas)
        bucket = self._own.get(wanted.provider)
        if bucket is None or bucket.rate != rate:
            bucket = self._own[wanted.provider] = TokenBucket(rate, now)
        count = bucket.take(wanted.count, now)
        return Taken(wanted.provider, count, bucket.wait(now) / 1_000_000, bucket.full_at, rate.interval, shared=False)
