"""The ledger's spans: one for each notification whose trace is kept, linked to the batch it came in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from pulse.ledger.v1 import ledger_service_pb2 as pb
from services.ledger.read.reader import Notification
from services.ledger.rpc.looking_back import LookingBack
from shared.observe import tracing
from shared.observe.tracing import Tracer

#: A notification's id and its trace's context.
Traced = tuple[str, str]


class LedgerSpans:
    """Made once a batch is done: all of them began when it did."""

    def __init__(self, tracer: Tracer, looking_back: LookingBack) -> None:
        self._tracer = tracer
        self._looking_back = looking_back

    def recorded(self, request: pb.RecordRequest, response: pb.RecordResponse, began: int) -> None:
        """Entries were recorded, or found to be known; and some were given to a worker at once."""
        self._end("ledger.record", began, ((one.ref.notification_id, one.traceparent) for one in request.entries))
        if request.HasField("claimant"):
            claimed = (one.claimed for one in response.results if one.HasField("claimed"))
            self._end("ledger.claim", began, ((one.ref.notification_id, one.traceparent) for one in claimed))

    def claimed(self, _: pb.ClaimRequest, response: pb.ClaimResponse, began: int) -> None:
        """Deliveries were given to a worker."""
        self._end("ledger.claim", began, ((one.ref.notification_id, one.traceparent) for one in response.claimed))

    def settled(self, request: pb.SettleRequest, _: pb.SettleResponse, began: int) -> None:
        """Attempts were ended."""
        self._end("ledger.settle", began, ((one.ref.notification_id, one.traceparent) for one in request.settlements))

    def reported(self, request: pb.RecordReceiptsRequest, response: pb.RecordReceiptsResponse, began: int) -> None:
        """Receipts were taken in. A provider's report does not carry the trace's context, which the ledger kept."""
        if self._tracer.on:
            answered = zip(request.receipts, response.results, strict=True)
            refs = [(one.ref.tenant_id, one.ref.notification_id.lower()) for one, result in answered if result.applied]
            self._looking_back.look_up(refs, partial(self._end_reported, began))

    def _end_reported(self, began: int, found: Sequence[Notification]) -> None:
        self._end("ledger.receipt", began, ((one.delivery.notification_id, one.traceparent) for one in found))

    def _end(self, name: str, began: int, members: Iterable[Traced]) -> None:
        """Makes the spans of those whose trace is sampled."""
        if not self._tracer.on:
            return
        batch = tracing.current()
        links = [batch.traceparent] if batch is not None and batch.sampled else []
        for notification_id, traceparent in members:
            if tracing.is_sampled(traceparent):
                span = self._tracer.start(name, traceparent, links=links, began=began)
                span.set("pulse.notification_id", notification_id)
                span.end()
