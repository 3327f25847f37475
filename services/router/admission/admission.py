"""Admission: decides on each submission of a batch and has the admitted ones recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from pulse.common.v1.limit_pb2 import QuotaState
from pulse.router.v1.router_service_pb2 import Submission, SubmitResult
from services.router import wire
from services.router.admission.admission_spans import AdmissionSpans
from services.router.admission.candidates import Candidate, MaxAttempts
from services.router.admission.judge import Judge
from services.router.admission.recorder import Recorder
from services.router.ledger import Ledger
from services.router.limits.limiter import Limiter
from services.router.metrics import RouterMetrics
from services.router.rules import refusals
from services.router.rules.applicable_limits import LimitMatcher
from services.router.rules.provider_rates import ProviderRates
from services.router.rules.quota import Admitted, Bound, Closed, LimitReached, Verdict
from services.router.rules.routes import Routes
from shared.clock import Clock
from shared.errors import PulseError
from shared.lane.names import Lane

#: Why each of some submissions may not go.
Refusals = dict[int, tuple[Submission, PulseError]]


class Admission:
    """Limits, lane, route and time for each submission; then the ledger. ``limits`` tells those of the moment."""

    def __init__(
        self,
        limiter: Limiter,
        limits: Callable[[], LimitMatcher],
        ledger: Ledger,
        recorders: Mapping[Lane, Recorder],
        *,
        routes: Routes,
        rates: ProviderRates,
        max_attempts: MaxAttempts,
        clock: Clock,
        metrics: RouterMetrics,
        spans: AdmissionSpans | None = None,
    ) -> None:
        self._limiter = limiter
        self._limits = limits
        self._ledger = ledger
        self._recorders = recorders
        self._routes = routes
        self._rates = rates
        self._max_attempts = max_attempts
        self._clock = clock
        self._metrics = metrics
        self._spans = spans or AdmissionSpans()

    async def submit(self, submissions: Sequence[Submission]) -> list[SubmitResult]:
        """What became of each, in order. One that fails does not touch the others."""
        results: dict[int, SubmitResult] = {}
        candidates: dict[int, Candidate] = {}
        refused: Refusals = {}
        judge = Judge(self._routes, self._limits(), self._rates, self._max_attempts, self._clock.now())
        for index, submission in enumerate(submissions):
            try:
                candidates[index] = judge.candidate(submission)
            except PulseError as error:
                if refusals.yields_to_known_key(error):
                    self._metrics.denied(error.metadata["channel"])
                    refused[index] = submission, error
                else:
                    results[index] = wire.result(error)
        if candidates or refused:
            spans = self._spans.begin(candidates)
            results.update(await self._admit(candidates, refused))
            self._spans.end(spans, candidates, results)
        return [results[index] for index in range(len(submissions))]

    async def _admit(self, candidates: Mapping[int, Candidate], refused: Refusals) -> dict[int, SubmitResult]:
        """Asks the limiter for all at once, then records the admitted and looks the keys of the refused up."""
        verdicts = await self._ask_limiter(candidates)
        results: dict[int, SubmitResult] = {}
        admitted: dict[Lane, dict[int, Candidate]] = {lane: {} for lane in Lane}
        for index, verdict in verdicts.items():
            candidate = candidates[index]
            if not isinstance(verdict, Admitted):
                self._metrics.refused(candidate.case.channels[0], verdict)
                refused[index] = candidate.submission, _refusal(verdict)
            elif candidate.submission.validate_only:
                results[index] = wire.would_be(candidate.case.ruling.due)
            else:
                candidate.admit(verdict)
                admitted[candidate.case.ruling.lane][index] = candidate
        found = await asyncio.gather(
            self._answer_refused(refused), *(self._record(lane, some) for lane, some in admitted.items() if some)
        )
        for some in found:
            results.update(some)
        _tell_quotas(results, verdicts)
        return results

    async def _ask_limiter(self, candidates: Mapping[int, Candidate]) -> dict[int, Verdict]:
        if not candidates:
            return {}
        verdicts = await self._limiter.admit([candidate.quota_request() for candidate in candidates.values()])
        return dict(zip(candidates, verdicts, strict=True))

    async def _record(self, lane: Lane, admitted: Mapping[int, Candidate]) -> dict[int, SubmitResult]:
        try:
            outcomes = await self._recorders[lane].record(list(admitted.values()))
        except PulseError as error:
            # Its traceback would hold on to this frame, and so to the batch, until the next search for cycles.
            outcomes = [error.with_traceback(None)] * len(admitted)
        return {index: wire.result(outcome) for index, outcome in zip(admitted, outcomes, strict=True)}

    async def _answer_refused(self, refused: Refusals) -> dict[int, SubmitResult]:
        """The refusals, except where a known idempotency key has its answer whatever the limits say now."""
        results = {index: wire.result(error) for index, (_, error) in refused.items()}
        keyed = {index: submission for index, (submission, _) in refused.items() if submission.asked.idempotency_key}
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


def _refusal(verdict: LimitReached | Closed) -> PulseError:
    if isinstance(verdict, Closed):
        return refusals.limiter_unavailable(verdict)
    return refusals.rate_limited(verdict)


def _tell_quotas(results: Mapping[int, SubmitResult], verdicts: Mapping[int, Verdict]) -> None:
    """Tells each caller where he stands in the limit that is nearest to its end."""
    told: dict[tuple[Bound, int, float], QuotaState] = {}  # most of a batch stand alike
    for index, verdict in verdicts.items():
        if isinstance(verdict, Closed):
            continue
        state = verdict.state
        key = (state.bound, state.remaining, round(state.reset, 3))
        quota = told.get(key) or told.setdefault(key, wire.quota(state))
        results[index].quota.CopyFrom(quota)
