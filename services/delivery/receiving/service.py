"""The delivery service's gRPC servicers: convert, call, convert back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import grpc.aio
from google.api import httpbody_pb2

from pulse.common.v1 import destination_pb2
from pulse.delivery.v1 import delivery_service_pb2, delivery_service_pb2_grpc
from services.delivery.providers.base.destinations import Destinations
from services.delivery.providers.base.receiver import Receiver, Report
from services.delivery.receiving.price_asking import PriceAsking
from services.delivery.receiving.reachability import Reachability, ReachabilityChecks
from services.delivery.rules.receipts import Receipt
from shared.channel.numbers import number_of
from shared.channel.table import Channel
from shared.errors import Code, PulseError, not_found
from shared.times import to_timestamp

Context = grpc.aio.ServicerContext[Any, Any]


class DeliveryServicer(delivery_service_pb2_grpc.DeliveryServiceServicer):
    """Tells how providers are doing, and takes destinations in; ``destinations``: None where no provider has any."""

    def __init__(self, checks: ReachabilityChecks, destinations: Destinations | None = None) -> None:
        self._checks = checks
        self._destinations = destinations

    async def ListProviders(
        self, _request: delivery_service_pb2.ListProvidersRequest, _context: Context
    ) -> delivery_service_pb2.ListProvidersResponse:
        found = await self._checks.current()
        return delivery_service_pb2.ListProvidersResponse(providers=[_provider(each) for each in found])

    async def SealDestination(
        self, request: delivery_service_pb2.SealDestinationRequest, _context: Context
    ) -> delivery_service_pb2.SealDestinationResponse:
        if self._destinations is None:
            raise PulseError(
                Code.FAILED_PRECONDITION,
                "DESTINATIONS_OFF",
                "there is no key to encrypt destinations with",
                hint="whoever runs Pulse sets PULSE_APPRISE_KEYS",
            )
        found = await self._destinations.seal(request.tenant_id, request.name, request.url)
        kept = destination_pb2.Destination(
            name=request.name, kind=found.kind, host=found.host, fingerprint=found.fingerprint, key_id=found.key_id
        )
        return delivery_service_pb2.SealDestinationResponse(destination=kept, sealed=found.sealed)


class ReceiptServicer(delivery_service_pb2_grpc.ReceiptServiceServicer):
    """Takes what providers report: ``receivers`` have those that do, by name."""

    def __init__(
        self,
        record: Callable[[Sequence[Receipt]], Awaitable[None]],
        receivers: Mapping[str, Receiver],
        prices: PriceAsking,
    ) -> None:
        self._record = record
        self._receivers = receivers
        self._prices = prices

    async def ReceiveReport(
        self, request: delivery_service_pb2.ReceiveReportRequest, context: Context
    ) -> httpbody_pb2.HttpBody:
        report = Report(request.body.data, request.tenant_id, request.notification_id, _headers(context))
        return await self._take(request.provider, report)

    async def ReceiveTwilioReceipt(
        self, request: delivery_service_pb2.ReceiveTwilioReceiptRequest, context: Context
    ) -> httpbody_pb2.HttpBody:
        report = Report(request.body.data, request.tenant_id, request.notification_id, _headers(context))
        return await self._take("twilio", report)

    async def ReceiveSesEvent(
        self, request: delivery_service_pb2.ReceiveSesEventRequest, _context: Context
    ) -> httpbody_pb2.HttpBody:
        return await self._take("ses", Report(request.body.data))

    async def _take(self, provider: str, report: Report) -> httpbody_pb2.HttpBody:
        receiver = self._receivers.get(provider)
        if receiver is None:
            raise not_found("provider", provider)
        receipts = await receiver.take(report)
        if receipts:
            await self._record(receipts)
            self._prices.about(receiver, receipts)
        media_type, body = receiver.answer
        return httpbody_pb2.HttpBody(content_type=media_type, data=body)


def _headers(context: Context) -> list[tuple[str, str]]:
    return [(key, str(value)) for key, value in context.invocation_metadata() or ()]


def _provider(found: Reachability) -> delivery_service_pb2.Provider:
    return delivery_service_pb2.Provider(
        name=found.endpoint.name,
        channel=number_of(Channel.named(found.endpoint.channel)),
        reachable=not found.problem,
        problem=found.problem,
        check_time=to_timestamp(found.checked_at),
    )
