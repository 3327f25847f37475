"""The way to the router: single submissions gathered into batch calls, batches as calls of their own.

Urgent ones are gathered by themselves: a one-time code does not wait behind a newsletter, nor for its batch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from opentelemetry.trace import SpanKind

from pulse.common.v1 import enums_pb2
from pulse.router.v1 import router_service_pb2 as router_pb2
from services.gateway.metrics import GatewayMetrics
from services.gateway.peers import ask
from shared.errors import Code, PulseError
from shared.gather import Gatherer
from shared.lane.urgent_names import urgent_word
from shared.observe import tracing
from shared.observe.tracing import OFF, Tracer
from shared.packing import pack
from shared.rpc.channels import MOST_BATCH_BYTES
from shared.rpc.former import FormerPeers
from shared.rpc.statuses import from_status

if TYPE_CHECKING:
    from pulse.router.v1.router_service_pb2_grpc import RouterServiceAsyncStub

_SUBMIT = "pulse.router.v1.RouterService/Submit"

#: Full calls under way to the router at once, of urgent ones and of others.
FULL_IN_FLIGHT = 4

SubmitAnswer = router_pb2.SubmitResult | PulseError


class Submitter:
    """Submits to the router.

    ``max_waiting`` bounds what urgent single sends, other single sends and batches hold, each for itself.
    """

    def __init__(
        self,
        router: RouterServiceAsyncStub,
        *,
        max_batch: int,
        max_waiting: int,
        metrics: GatewayMetrics,
        tracer: Tracer = OFF,
    ) -> None:
        self._router = router
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._metrics = metrics
        self._tracer = tracer
        self._former = FormerPeers(router_pb2.Submission)
        self._in_batches = 0
        self._urgent, self._others = (
            Gatherer[router_pb2.Submission, router_pb2.SubmitResult](
                self._submit,
                max_batch=max_batch,
                max_waiting=max_waiting,
                weigh=_bytes,
                heaviest=MOST_BATCH_BYTES,
                full_in_flight=FULL_IN_FLIGHT,
            )
            for _ in range(2)
        )
        metrics.show_waiting(lambda: self._urgent.waiting + self._others.waiting + self._in_batches)

    async def one(self, submission: router_pb2.Submission) -> router_pb2.SubmitResult:
        """The router's answer, a refusal too; raises RESOURCE_EXHAUSTED if too many wait."""
        return await (self._urgent if is_urgent(submission) else self._others).submit(submission)

    async def many(self, submissions: Sequence[router_pb2.Submission]) -> list[SubmitAnswer]:
        """The router's answers in order; a call that fails is the outcome of each that was in it."""
        # A batch that is alone goes whatever its size: it would never fit better later.
        if self._in_batches and self._in_batches + len(submissions) > self._max_waiting:
            overloaded = PulseError(
                Code.RESOURCE_EXHAUSTED, "OVERLOADED", "more requests wait than can be served", retry_after=1.0
            )
            return [overloaded] * len(submissions)
        self._in_batches += len(submissions)
        try:
            batches = pack([submissions], self._max_batch, weigh=_bytes, heaviest=MOST_BATCH_BYTES)
            answers = await asyncio.gather(*map(self._outcomes, batches))
            return [outcome for outcomes in answers for outcome in outcomes]
        finally:
            self._in_batches -= len(submissions)

    async def drain(self) -> None:
        """Returns when no gathered submission is left."""
        await asyncio.gather(self._urgent.drain(), self._others.drain())

    async def _outcomes(self, submissions: Sequence[router_pb2.Submission]) -> Sequence[SubmitAnswer]:
        try:
            results = await self._submit(submissions)
        except PulseError as error:
            return [error] * len(submissions)
        return [from_status(result.error) if result.HasField("error") else result for result in results]

    async def _submit(self, submissions: Sequence[router_pb2.Submission]) -> Sequence[router_pb2.SubmitResult]:
        self._metrics.submitted(len(submissions))
        members = [submission.traceparent for submission in submissions] if self._tracer.on else ()
        with tracing.within(self._tracer.start_batch(_SUBMIT, members, SpanKind.CLIENT)):
            request = router_pb2.SubmitRequest(submissions=submissions)
            response = await self._former.call(request.submissions, lambda: ask(self._router.Submit, request))
        if len(response.results) != len(submissions):
            raise PulseError(Code.INTERNAL, "INTERNAL", "the router answered for another number of submissions")
        self._metrics.answered(submissions, response.results)
        for submission, result in zip(submissions, response.results, strict=True):
            if submission.HasField("sms_size") and not result.replayed and not result.HasField("error"):
                result.sms_size.CopyFrom(submission.sms_size)
        return response.results


def _bytes(submission: router_pb2.Submission) -> int:
    """As many as with the fields for a router of the release before."""
    return 2 * submission.ByteSize()


def is_urgent(submission: router_pb2.Submission) -> bool:
    """Whether it travels HIGH: as the request says, else its template, else the template's name."""
    priority = submission.requested_priority or submission.template_priority
    return priority == enums_pb2.HIGH if priority else bool(urgent_word(submission.asked.template_name))
