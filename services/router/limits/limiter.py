"""The limiter: the shared windows while Redis is there, this process's own share of the limits while it is not."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence

from services.router.limits.shared_windows import SharedWindows
from services.router.outage import Outage
from services.router.rules.local_limits import LocalLimits, share
from services.router.rules.quota import Admitted, Closed, LimitReached, QuotaRequest, Reservation, Verdict
from services.router.shared_redis import RedisSlowError, RedisUnavailableError
from shared.gather import Gatherer
from shared.packing import deal, pack

#: Requests at the most in one script call, which holds up Redis for some µs each.
_MOST = 1_000


class Limiter:
    """Decides on requests, whether Redis is there or not.

    Without Redis this process admits a limit divided by ``replicas``. ``retry_after`` (s) is the pause before Redis
    is tried again after a failure. A Redis that is slow is lost once it has not answered for ``grace`` s; one that is
    gone, at once.
    """

    def __init__(
        self,
        shared: SharedWindows,
        local: LocalLimits,
        *,
        replicas: int,
        retry_after: float,
        grace: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shared = shared
        self._local = local
        self._replicas = replicas
        self._retry_after = retry_after
        self._monotonic = monotonic
        self._grace = grace
        self._try_again_at = -math.inf
        self._failing_since: float | None = None
        self._gatherer: Gatherer[Sequence[QuotaRequest], Sequence[Verdict]] = Gatherer(
            self._admit_groups, max_waiting=1_000
        )
        self.outage = Outage("redis", "each router keeps its share of the limits; SMS is refused")

    async def admit(self, requests: Sequence[QuotaRequest]) -> Sequence[Verdict]:
        """What becomes of each request, in order; a lost Redis is no error.

        Raises :class:`shared.errors.PulseError` if the deadline ends first.
        """
        return await self._gatherer.submit(requests)

    async def _admit_groups(self, groups: Sequence[Sequence[QuotaRequest]]) -> list[Sequence[Verdict]]:
        """Decides on the requests of concurrent calls together."""
        verdicts: list[Verdict] = []
        for batch in pack(groups, _MOST):
            verdicts += await self._admit_batch(batch)
        return deal(verdicts, groups)

    async def _admit_batch(self, requests: Sequence[QuotaRequest]) -> list[Verdict]:
        asked_at = self._monotonic()
        if asked_at >= self._try_again_at:
            try:
                answers = await self._shared.take(requests)
            except RedisUnavailableError as error:
                self._failed(error)
            else:
                self._failing_since = None
                self.outage.worked()
                return await self._confirm(requests, answers, asked_at)
        return [self._admit_alone(request) for request in requests]

    async def give_back(self, reservations: Sequence[Reservation]) -> None:
        """Frees reservations from which nothing came. While Redis is away those in it run out by themselves."""
        for reservation in reservations:
            self._local.give_back(reservation)
        await self._give_back_shared([reservation for reservation in reservations if reservation.taken_at is not None])

    async def _give_back_shared(self, reservations: Sequence[Reservation]) -> None:
        if not reservations or self._monotonic() < self._try_again_at:
            return
        try:
            await self._shared.give_back(reservations)
        except RedisUnavailableError as error:
            self._failed(error)

    def _failed(self, error: RedisUnavailableError) -> None:
        now = self._monotonic()
        self._try_again_at = now + self._retry_after
        if self._failing_since is None:
            self._failing_since = now
        # On a machine that is busy an answer is now and then late: that alone must not close a channel.
        if not isinstance(error, RedisSlowError) or now - self._failing_since > self._grace:
            self.outage.failed(str(error))

    async def _confirm(
        self, requests: Sequence[QuotaRequest], answers: Sequence[Admitted | LimitReached], asked_at: float
    ) -> list[Verdict]:
        """Holds Redis's answers against what this process remembers, which matters if Redis was emptied.

        Redis decided somewhere between the question and the answer: what is admitted is noted as late as it can
        have been, and looked for as early, so that the two clocks together are as exact as one.
        """
        verdicts: list[Verdict] = []
        surplus: list[Reservation] = []
        for request, answer in zip(requests, answers, strict=True):
            verdict = self._check(request, answer, asked_at)
            if isinstance(verdict, LimitReached) and isinstance(answer, Admitted) and answer.reservation:
                surplus.append(answer.reservation)
            verdicts.append(verdict)
        await self._give_back_shared(surplus)
        return verdicts

    def _check(self, request: QuotaRequest, answer: Admitted | LimitReached, asked_at: float) -> Verdict:
        if isinstance(answer, LimitReached) or answer.reservation is None:
            return answer
        if self._local.holds(request, asked_at):
            # Redis forgot the reservation of the first use; it is not the repetition's to give back.
            return Admitted(None, answer.state)
        refusal = self._local.refusal(request, asked_at)
        if refusal:
            return refusal
        self._local.note(request, answer.reservation.noted_at)
        return answer

    def _admit_alone(self, request: QuotaRequest) -> Verdict:
        if (request.strict and self.outage.away) or not all(self._has_share(request)):
            return Closed(self._retry_after)
        now = self._monotonic()
        known = self._local.holds(request, now)
        if not known:
            refusal = self._local.refusal(request, now, self._replicas)
            if refusal:
                return refusal
        if known or not request.counted:
            return Admitted(None, self._local.state(request, now, self._replicas), local=True)
        self._local.note(request, now)
        return Admitted(Reservation(request, None, now), self._local.state(request, now, self._replicas), local=True)

    def _has_share(self, request: QuotaRequest) -> Iterator[bool]:
        """Whether this process has a share of each limit; a limit of none at all is refused like any other."""
        for bound in request.applicable.bounds:
            yield share(bound, self._replicas) >= min(bound.cost, bound.limit.count)
