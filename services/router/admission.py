"""Admission: decides on each submission of a batch and has the admitted ones recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from pulse.router.v1.router_service_pb2 import Submission, SubmitResult
from services.router import refusals, wire
from services.router.lanes import Lane
from services.router.ledger import Ledger
from services.router.limiter import Limiter
from services.router.metrics import RouterMetrics
from services.router.planning import Candidate, Planner
from services.router.quota import Admitted, Closed, Refused
from services.router.recorder import Planned, Recorder
from services.router.routes import Routes
from services.router.rulings import Facts, Ruling, rule
from shared.clock import Clock
from shared.errors import PulseError


class Admission:
    """Limits, lane, route and time for each submission; then the ledger."""

    def __init__(
        self,
        limiter: Limiter,
        ledger: Ledger,
        recorders: Mapping[Lane, Recorder],
        *,
        routes: Routes,
        max_attempts: int,
        clock: Clock,
        metrics: RouterMetrics,
    ) -> None:
        self._limiter = limiter
        self._ledger = ledger
        self._recorders = recorders
        self._routes = routes
        self._max_attempts = max_attempts
        self._clock = clock
        self._metrics = metrics

    async def submit(self, submissions: Sequence[Submission]) -> list[SubmitResult]:
        """What became of each, in order. One that fails does not touch the others."""
        now = self._clock.now()
        results: dict[int, SubmitResult] = {}
        candidates: dict[int, Candidate] = {}
        rulings: dict[Facts, Ruling] = {}  # a batch's submissions often differ in nothing that rules look at
        for index, submission in enumerate(submissions):
            try:
                facts = wire.facts(submission)
                ruling = rulings.get(facts) or rulings.setdefault(facts, rule(facts, self._routes, now))
            except PulseError as error:
                results[index] = wire.result(error)
            else:
                candidates[index] = Candidate(submission, facts.channel, ruling)
        if candidates:
            results.update(await self._admit(candidates))
        return [results[index] for index in range(len(submissions))]

    async def _admit(self, candidates: Mapping[int, Candidate]) -> dict[int, SubmitResult]:
        """Asks the limiter for all at once, then records the admitted and looks the keys of the refused up."""
        verdicts = await self._limiter.admit([candidate.claim() for candidate in candidates.values()])
        results: dict[int, SubmitResult] = {}
        planned: dict[Lane, dict[int, Planned]] = {lane: {} for lane in Lane}
        refused: dict[int, tuple[Submission, PulseError]] = {}
        plan = Planner(self._limiter.limit, self._max_attempts)
        for (index, candidate), verdict in zip(candidates.items(), verdicts, strict=True):
            if not isinstance(verdict, Admitted):
                self._metrics.refused(candidate.channel, verdict)
                refused[index] = candidate.submission, self._refusal(verdict)
            elif candidate.submission.validate_only:
                results[index] = wire.would_be(candidate.ruling.due)
            else:
                planned[candidate.ruling.lane][index] = plan.of(candidate, verdict)
        found = await asyncio.gather(
            self._answer_refused(refused), *(self._record(lane, plans) for lane, plans in planned.items() if plans)
        )
        for some in found:
            results.update(some)
        return results

    def _refusal(self, verdict: Refused | Closed) -> PulseError:
        if isinstance(verdict, Closed):
            return refusals.limiter_unavailable(verdict)
        return refusals.rate_limited(self._limiter.limit, verdict)

    async def _record(self, lane: Lane, planned: Mapping[int, Planned]) -> dict[int, SubmitResult]:
        try:
            outcomes = await self._recorders[lane].record(list(planned.values()))
        except PulseError as error:
            outcomes = [error] * len(planned)
        return {index: wire.result(outcome) for index, outcome in zip(planned, outcomes, strict=True)}

    async def _answer_refused(self, refused: Mapping[int, tuple[Submission, PulseError]]) -> dict[int, SubmitResult]:
        """The refusals, except where a known idempotency key has its answer whatever the limits say now."""
        results = {index: wire.result(error) for index, (_, error) in refused.items()}
        keyed = {index: submission for index, (submission, _) in refused.items() if submission.idempotency_key}
        if not keyed:
            return results
        try:
            uses = await self._ledger.look_up([wire.key_use(submission) for submission in keyed.values()])
        except PulseError as error:
            # Whether the key is known cannot be told: neither its answer nor a refusal would be honest.
            return results | {index: wire.result(refusals.unknown_key(error)) for index in keyed}
        for (index, submission), use in zip(keyed.items(), uses, strict=True):
            if wire.is_known(use):
                results[index] = wire.replay(use, with_id=not submission.validate_only)
        return results
