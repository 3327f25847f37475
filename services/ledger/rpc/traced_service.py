"""The ledger's spans: one for each notification whose trace is kept, linked to the batch it came in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Any

from pulse.ledger.v1 import ledger_service_pb2 as pb
from services.ledger.read.reader import Reader
from services.ledger.rpc.metrics import MeasuredLedgerService
from services.ledger.rules.delivery import Ref
from shared.errors import PulseError
from shared.observe import tracing
from shared.observe.logs import logger
from shared.observe.tracing import Tracer

#: A notification's id and its trace's context.
Traced = tuple[str, str]

log = logger(__name__)


class BatchSpans:
    """Makes the members' spans once a batch is done: all began when it did."""

    def __init__(self, tracer: Tracer, name: str) -> None:
        self._tracer = tracer
        self._name = name
        self._began = time.time_ns()
        batch = tracing.current()
        self._links = [batch.traceparent] if batch is not None and batch.sampled else []

    def end(self, members: Iterable[Traced]) -> None:
        """These were in it; a span comes of those whose trace is sampled."""
        for notification_id, traceparent in members:
            if tracing.is_sampled(traceparent):
                span = self._tracer.start(self._name, traceparent, links=self._links, began=self._began)
                span.set("pulse.notification_id", notification_id)
                span.end()


class TracedLedgerService(MeasuredLedgerService):
    """A ledger service that tells what it did for each notification that is traced."""

    _receipts: set[asyncio.Task[None]]

    def trace_with(self, tracer: Tracer, reader: Reader) -> None:
        """To be called once, before it serves."""
        self._tracer = tracer
        self._traces = reader
        self._receipts = set()

    async def Record(self, request: pb.RecordRequest, context: Any) -> pb.RecordResponse:
        spans = self._begin("ledger.record")
        response = await super().Record(request, context)
        if spans:
            spans.end((entry.ref.notification_id, entry.traceparent) for entry in request.entries)
        return response

    async def Claim(self, request: pb.ClaimRequest, context: Any) -> pb.ClaimResponse:
        spans = self._begin("ledger.claim")
        response = await super().Claim(request, context)
        if spans:
            spans.end((claimed.ref.notification_id, claimed.traceparent) for claimed in response.claimed)
        return response

    async def Settle(self, request: pb.SettleRequest, context: Any) -> pb.SettleResponse:
        spans = self._begin("ledger.settle")
        response = await super().Settle(request, context)
        if spans:
            spans.end((settled.ref.notification_id, settled.traceparent) for settled in request.settlements)
        return response

    async def RecordReceipts(self, request: pb.RecordReceiptsRequest, context: Any) -> pb.RecordReceiptsResponse:
        spans = self._begin("ledger.receipt")
        response = await super().RecordReceipts(request, context)
        if spans:
            answered = zip(request.receipts, response.results, strict=True)
            refs = [(one.ref.tenant_id, one.ref.notification_id.lower()) for one, result in answered if result.applied]
            self._tell_receipts(spans, refs)
        return response

    def _begin(self, name: str) -> BatchSpans | None:
        return BatchSpans(self._tracer, name) if self._tracer.on else None

    def _tell_receipts(self, spans: BatchSpans, refs: Sequence[Ref]) -> None:
        """Afterwards, as a provider's report does not carry the context: the ledger kept it."""
        if refs:
            task = asyncio.create_task(self._look_up_and_end(spans, refs))
            self._receipts.add(task)
            task.add_done_callback(self._receipts.discard)

    async def _look_up_and_end(self, spans: BatchSpans, refs: Sequence[Ref]) -> None:
        try:
            found = [await self._traces.get(ref) for ref in refs]
        except PulseError as error:
            log.warning("receipts not traced", reason=error.reason, count=len(refs))
            return
        spans.end((one.delivery.notification_id, one.traceparent) for one in found if one is not None)
