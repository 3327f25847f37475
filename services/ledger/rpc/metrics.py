"""What the ledger tells Prometheus: how the lanes stand, and how long what was delivered had been on its way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from functools import partial

from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from pulse.common.v1 import enums_pb2
from pulse.ledger.v1 import ledger_service_pb2 as pb
from services.ledger.postgres import tenancy
from services.ledger.postgres.database_clock import DatabaseClock
from services.ledger.read.reader import Depth, Notification, Reader
from services.ledger.rpc.looking_back import LookingBack
from shared.clock import Clock
from shared.observe.metrics import trace_exemplar
from shared.observe.metrics_polling import Polled

#: Upper bounds from acceptance to a provider's word that it arrived, s.
WAY_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 86_400)


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
    """Times of what providers report as delivered."""

    def __init__(self, registry: CollectorRegistry, clock: Clock, looking_back: LookingBack) -> None:
        self._clock = clock
        self._looking_back = looking_back
        self._way = Histogram(
            "pulse_accept_to_delivered_seconds",
            "From acceptance to the provider's report that it arrived.",
            ["lane"],
            buckets=WAY_SECONDS,
            registry=registry,
        )

    def reported(self, request: pb.RecordReceiptsRequest, response: pb.RecordReceiptsResponse, _: int) -> None:
        """Receipts were taken in: what they say was delivered, was just now."""
        refs = [
            (receipt.ref.tenant_id, receipt.ref.notification_id.lower())
            for receipt, result in zip(request.receipts, response.results, strict=True)
            if result.applied and result.status == enums_pb2.DELIVERED
        ]
        self._looking_back.look_up(refs, partial(self._observe, self._clock.now()))

    def _observe(self, delivered_at: dt.datetime, found: Sequence[Notification]) -> None:
        for notification in found:
            seconds = max((delivered_at - notification.created_at).total_seconds(), 0.0)
            way = self._way.labels(notification.delivery.lane.lower())
            way.observe(seconds, trace_exemplar(notification.traceparent))


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
