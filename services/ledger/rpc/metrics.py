"""What the ledger tells Prometheus: how the lanes stand, and how long what was delivered had been on its way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from pulse.common.v1 import enums_pb2
from pulse.ledger.v1 import ledger_service_pb2 as pb
from services.ledger.accept.recorder import Recorder
from services.ledger.config import LedgerSettings
from services.ledger.draw.draws import Draws
from services.ledger.move.mover import Mover
from services.ledger.postgres import tenancy
from services.ledger.postgres.database_clock import DatabaseClock
from services.ledger.read.reader import Depth, Reader
from services.ledger.rpc.service import LedgerService
from services.ledger.rules.delivery import Ref
from services.ledger.stores.provider_store import ProviderStore
from shared.clock import Clock
from shared.errors import PulseError
from shared.observe.logs import logger
from shared.observe.metrics import trace_exemplar
from shared.observe.metrics_polling import Polled

#: Upper bounds from acceptance to a provider's word that it arrived, s.
WAY_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 86_400)

log = logger(__name__)


def show_lanes(registry: CollectorRegistry, reader: Reader) -> None:
    """Has depth and age of every lane, over all tenants, read whenever ``registry`` is scraped."""

    async def depths() -> Sequence[Depth]:
        with tenancy.platform():
            return await reader.depths("")

    registry.register(Polled[Sequence[Depth]]("lanes", depths, _families))


def show_clock(registry: CollectorRegistry, clock: DatabaseClock) -> None:
    """Has by how much this machine's clock is ahead of PostgreSQL's, when last compared."""
    ahead = Gauge("pulse_ledger_clock_ahead_seconds", "This machine's clock less PostgreSQL's.", registry=registry)
    ahead.set_function(lambda: clock.machine_ahead)


class DeliveredMetrics:
    """Times of what providers report as delivered; read afterwards, so that no receipt waits for them."""

    def __init__(self, registry: CollectorRegistry, reader: Reader, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock
        self._reading: set[asyncio.Task[None]] = set()
        self._way = Histogram(
            "pulse_accept_to_delivered_seconds",
            "From acceptance to the provider's report that it arrived.",
            ["lane"],
            buckets=WAY_SECONDS,
            registry=registry,
        )

    def delivered(self, refs: Sequence[Ref]) -> None:
        """These were reported as delivered just now. Returns at once."""
        task = asyncio.create_task(self._observe(refs))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _observe(self, refs: Sequence[Ref]) -> None:
        now = self._clock.now()
        try:
            found = [await self._reader.get(ref) for ref in refs]
        except PulseError as error:
            log.warning("delivery times not had", reason=error.reason, count=len(refs))
            return
        for notification in found:
            if notification is not None:
                seconds = max((now - notification.created_at).total_seconds(), 0.0)
                way = self._way.labels(notification.delivery.lane.lower())
                way.observe(seconds, trace_exemplar(notification.traceparent))


class MeasuredLedgerService(LedgerService):
    """A ledger service that has delivered notifications measured."""

    def __init__(
        self,
        recorder: Recorder,
        mover: Mover,
        draws: Draws,
        reader: Reader,
        providers: ProviderStore,
        settings: LedgerSettings,
        metrics: DeliveredMetrics,
    ) -> None:
        super().__init__(recorder, mover, draws, reader, providers, settings)
        self._metrics = metrics

    async def RecordReceipts(self, request: pb.RecordReceiptsRequest, context: Any) -> pb.RecordReceiptsResponse:
        response = await super().RecordReceipts(request, context)
        refs = [
            (receipt.ref.tenant_id, receipt.ref.notification_id.lower())
            for receipt, result in zip(request.receipts, response.results, strict=True)
            if result.applied and result.status == enums_pb2.DELIVERED
        ]
        if refs:
            self._metrics.delivered(refs)
        return response


def _families(depths: Sequence[Depth]) -> Iterator[Metric]:
    standing = GaugeMetricFamily(
        "pulse_lane_notifications",
        "Notifications in a lane: due, waiting for their time, or being sent.",
        labels=["lane", "state"],
    )
    ages = GaugeMetricFamily(
        "pulse_lane_oldest_due_age_seconds",
        "How long the oldest notification that is due and in no worker's hands has been due.",
        labels=["lane"],
    )
    for depth in depths:
        lane = depth.lane.lower()
        for state, count in (("due", depth.due), ("waiting", depth.waiting), ("sending", depth.sending)):
            standing.add_metric([lane, state], count)
        ages.add_metric([lane], depth.oldest_due_age)
    yield standing
    yield ages
