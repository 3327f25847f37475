"""Delivery: the one place where the delivery gRPC service is put together."""

from __future__ import annotations

from pulse.delivery.v1 import delivery_service_pb2, delivery_service_pb2_grpc
from services.delivery.config import DEFAULT_LISTEN, DeliverySettings
from services.delivery.events.endpoints import Endpoints
from services.delivery.events.event_metrics import EventMetrics
from services.delivery.events.event_sender import EventSender
from services.delivery.ledger import LedgerClient
from services.delivery.providers import registry
from services.delivery.receiving.price_asking import PriceAsking
from services.delivery.receiving.reachability import ReachabilityChecks
from services.delivery.receiving.service import DeliveryServicer, ReceiptServicer
from shared.clock import Clock, SystemClock
from shared.net.public_addresses import networks
from shared.observe.metrics import Metrics
from shared.observe.tracing import OFF, Tracer
from shared.rpc.call_traces import CallTraces
from shared.rpc.channels import open_channel
from shared.rpc.receiving import Receiving
from shared.rpc.serving import Server

#: What a provider reports at a time, bytes. Amazon SNS sends at most 256 KiB, of which quotes are escaped.
LARGEST_REPORT = 1024 * 1024


class Delivery:
    """The delivery gRPC service, provider health and receipts, and who sends events. Workers are other processes."""

    def __init__(self, settings: DeliverySettings, clock: Clock | None = None, tracer: Tracer = OFF) -> None:
        clock = clock or SystemClock()
        self.metrics = Metrics()
        self._channel = open_channel(
            settings.ledger_address, settings.tls, "ledger", processes=settings.ledger_processes
        )
        ledger = LedgerClient(self._channel, worker_id="delivery", lease=settings.delivery_lease_seconds)
        checks = ReachabilityChecks(registry.endpoints(settings), clock, settings.delivery_probe_seconds)
        self._receivers = registry.receivers(settings, clock)
        self._prices = PriceAsking(ledger.record_price)
        receipts = ReceiptServicer(ledger.record_receipts, self._receivers, self._prices)
        services = delivery_service_pb2.DESCRIPTOR.services_by_name.values()
        self._server = Server(
            settings.listen or DEFAULT_LISTEN,
            [service.full_name for service in services],
            reflect=settings.env == "development",
            drain_seconds=settings.drain_seconds,
            leave_seconds=settings.leave_seconds,
            rpcs=self.metrics.rpcs,
            tls=settings.tls,
            health_listen=settings.health_listen,
            shares_port=settings.delivery_processes > 1,
            traces=CallTraces(tracer),
            # Providers show no credential that can be checked without the body, so all are one to its bounds.
            take_in=Receiving(lambda _method, _context: "", {}, LARGEST_REPORT),
        )
        delivery_service_pb2_grpc.add_DeliveryServiceServicer_to_server(
            DeliveryServicer(checks, registry.destinations(settings)), self._server.grpc
        )
        delivery_service_pb2_grpc.add_ReceiptServiceServicer_to_server(receipts, self._server.grpc)
        self.port = self._server.port
        self._events = EventSender(
            self._channel,
            Endpoints(networks(settings.event_networks), settings.delivery_event_seconds),
            clock,
            EventMetrics(self.metrics),
            pause=settings.delivery_events_pause_seconds,
            seconds=settings.delivery_event_seconds,
        )

    async def start(self) -> None:
        """Serves, and sends events."""
        await self._server.start()
        await self._events.start()

    async def stop(self) -> None:
        """Drains, then closes what it calls others by."""
        await self._server.stop()
        await self._events.stop()
        await self._prices.close()
        for receiver in self._receivers.values():
            await receiver.close()
        await self._channel.close()
