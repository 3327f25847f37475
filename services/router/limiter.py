"""The limiter: the shared windows while Redis is there, this process's own share of the limit while it is not."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from services.router.batches import deal, pack
from services.router.limits import LimiterSlowError, LimiterUnavailableError, SharedWindows
from services.router.local_window import LocalWindow
from services.router.outage import Outage
from services.router.quota import Admitted, Claim, Closed, Limit, Place, Refused, Verdict
from shared.gather import Gatherer

#: Claims at the most in one script call, which holds up Redis for some µs each.
_MOST = 1_000


class Limiter:
    """Decides on places, whether Redis is there or not.

    ``share`` is what this process may admit alone. ``slack`` (s) is by how much the local note of an
    admission may be later than Redis's; ``retry_after`` (s) is the pause before Redis is tried again after a
    failure. A Redis that is slow is lost once it has not answered for ``grace`` s; one that is gone, at once.
    """

    def __init__(
        self,
        shared: SharedWindows,
        local: LocalWindow,
        limit: Limit,
        *,
        share: int,
        slack: float,
        retry_after: float,
        grace: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shared = shared
        self._local = local
        self._limit = limit
        self._share = share
        self._slack = slack
        self._retry_after = retry_after
        self._monotonic = monotonic
        self._grace = grace
        self._try_again_at = -math.inf
        self._failing_since: float | None = None
        self._gatherer: Gatherer[Sequence[Claim], Sequence[Verdict]] = Gatherer(self._admit_groups, max_waiting=1_000)
        self.outage = Outage("redis", "each router keeps its share of the limits; SMS is refused")

    @property
    def limit(self) -> Limit:
        """The limit that is kept."""
        return self._limit

    async def admit(self, claims: Sequence[Claim]) -> Sequence[Verdict]:
        """What becomes of each claim, in order; a lost Redis is no error.

        Raises :class:`shared.errors.PulseError` if the deadline ends first.
        """
        return await self._gatherer.submit(claims)

    async def _admit_groups(self, groups: Sequence[Sequence[Claim]]) -> list[Sequence[Verdict]]:
        """Decides on the claims of concurrent calls together."""
        verdicts: list[Verdict] = []
        for batch in pack(groups, _MOST):
            verdicts += await self._admit_batch(batch)
        return deal(verdicts, groups)

    async def _admit_batch(self, claims: Sequence[Claim]) -> list[Verdict]:
        if self._monotonic() >= self._try_again_at:
            try:
                answers = await self._shared.take(claims)
            except LimiterUnavailableError as error:
                self._failed(error)
            else:
                self._failing_since = None
                self.outage.worked()
                return await self._confirm(claims, answers)
        return [self._admit_alone(claim) for claim in claims]

    async def give_back(self, places: Sequence[Place]) -> None:
        """Frees places from which nothing came. While Redis is away those in it run out by themselves."""
        for place in places:
            self._local.give_back(place.key, place.token)
        shared = [place for place in places if place.taken_at is not None]
        if not shared or self._monotonic() < self._try_again_at:
            return
        try:
            await self._shared.give_back(shared)
        except LimiterUnavailableError as error:
            self._failed(error)

    async def close(self) -> None:
        """Closes the connections to Redis."""
        await self._shared.close()

    def _failed(self, error: LimiterUnavailableError) -> None:
        now = self._monotonic()
        self._try_again_at = now + self._retry_after
        if self._failing_since is None:
            self._failing_since = now
        # On a machine that is busy an answer is now and then late: that alone must not close a channel.
        if not isinstance(error, LimiterSlowError) or now - self._failing_since > self._grace:
            self.outage.failed(str(error))

    async def _confirm(self, claims: Sequence[Claim], answers: Sequence[Admitted | Refused]) -> list[Verdict]:
        """Holds Redis's answers against what this process remembers, which matters if Redis was emptied."""
        now = self._monotonic()
        verdicts: list[Verdict] = []
        surplus: list[Place] = []
        for claim, answer in zip(claims, answers, strict=True):
            verdict = self._check(claim, answer, now)
            if isinstance(verdict, Refused) and isinstance(answer, Admitted) and answer.place:
                surplus.append(answer.place)
            verdicts.append(verdict)
        if surplus:
            await self.give_back(surplus)
        return verdicts

    def _check(self, claim: Claim, answer: Admitted | Refused, now: float) -> Verdict:
        if isinstance(answer, Refused) or answer.place is None:
            return answer
        if self._local.holds(claim.key, claim.token, now):
            return Admitted(None)  # Redis forgot the place of the first use; it is not the repetition's to give back
        wait = self._local.wait(claim.key, self._limit.count, now + self._slack)
        if wait:
            return Refused(wait)
        self._local.note(claim.key, claim.token, now)
        return answer

    def _admit_alone(self, claim: Claim) -> Verdict:
        if claim.strict and self.outage.away:
            return Closed(self._retry_after)
        now = self._monotonic()
        if self._local.holds(claim.key, claim.token, now):
            return Admitted(None, local=True)
        wait = self._local.wait(claim.key, self._share, now)
        if wait:
            return Refused(wait)
        if not claim.counted:
            return Admitted(None, local=True)
        self._local.note(claim.key, claim.token, now)
        return Admitted(Place(claim.key, claim.token, None), local=True)
