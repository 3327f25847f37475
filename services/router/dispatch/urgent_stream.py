"""The stream on which a worker waits for HIGH notifications."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from opentelemetry.trace import SpanKind

from pulse.router.v1.router_service_pb2 import AwaitUrgentRequest, AwaitUrgentResponse
from services.router.dispatch.waiting_workers import WaitingWorker, WaitingWorkers
from shared.observe import tracing
from shared.observe.metrics import Observe
from shared.observe.tracing import Span, Tracer


class UrgentStreams:
    """Serves them; ``pushed`` is told how many notifications each message holds."""

    def __init__(self, workers: WaitingWorkers, tracer: Tracer, pushed: Observe) -> None:
        self._workers = workers
        self._tracer = tracer
        self._pushed = pushed

    async def serve(self, requests: AsyncIterator[AwaitUrgentRequest]) -> AsyncIterator[AwaitUrgentResponse]:
        """What is claimed for one worker, until it or this router leaves; raises what is wrong with its messages."""
        worker = WaitingWorker()
        first = await anext(requests, None)
        if first is None:
            return
        worker.hear(first)
        self._workers.enter(worker)
        listening = asyncio.create_task(_listen(worker, requests))
        try:
            while (batch := await worker.next()) is not None:
                spans = self._begin(batch)
                try:
                    yield batch
                finally:
                    for span in spans:
                        span.end()
                self._pushed(len(batch.claimed))
            if listening.done():
                listening.result()
        finally:
            listening.cancel()
            self._workers.leave(worker)

    def _begin(self, batch: AwaitUrgentResponse) -> list[Span]:
        """Spans of those whose trace is kept, from here to their being on the way; the worker's are under them."""
        spans = []
        for claimed in batch.claimed if self._tracer.on else ():
            if tracing.is_sampled(claimed.traceparent):
                attributes: dict[str, tracing.Value] = {"pulse.notification_id": claimed.ref.notification_id}
                span = self._tracer.start("stream.push", claimed.traceparent, SpanKind.PRODUCER, attributes=attributes)
                claimed.traceparent = span.traceparent
                spans.append(span)
        return spans


async def _listen(worker: WaitingWorker, requests: AsyncIterator[AwaitUrgentRequest]) -> None:
    """Until the worker says nothing more."""
    try:
        async for said in requests:
            worker.hear(said)
    finally:
        worker.leave()
