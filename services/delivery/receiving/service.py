"""The delivery service's gRPC servicers: convert, call, convert back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import grpc.aio
from google.api import httpbody_pb2

from pulse.delivery.v1 import delivery_service_pb2, delivery_service_pb2_grpc
from services.delivery.providers.twilio import status_callback
from services.delivery.providers.twilio.signature import callback_url, is_signed
from services.delivery.receiving.reachability import Reachability, ReachabilityChecks
from services.delivery.receiving.ses_events import SesEvents
from services.delivery.rules.receipts import Receipt
from shared.channel.numbers import number_of
from shared.channel.table import Channel
from shared.errors import Code, PulseError
from shared.ids import canonical_uuid
from shared.times import to_timestamp

#: How Envoy passes Twilio's header on, and the query of the address that was called.
SIGNATURE = "x-twilio-signature"
QUERY = "x-pulse-query"


class DeliveryServicer(delivery_service_pb2_grpc.DeliveryServiceServicer):
    """Tells how providers are doing."""

    def __init__(self, checks: ReachabilityChecks) -> None:
        self._checks = checks

    async def ListProviders(
        self, _request: delivery_service_pb2.ListProvidersRequest, _context: grpc.aio.ServicerContext[Any, Any]
    ) -> delivery_service_pb2.ListProvidersResponse:
        found = await self._checks.current()
        return delivery_service_pb2.ListProvidersResponse(providers=[_provider(each) for each in found])


class ReceiptServicer(delivery_service_pb2_grpc.ReceiptServiceServicer):
    """Takes what providers report."""

    def __init__(
        self,
        record: Callable[[Sequence[Receipt]], Awaitable[None]],
        ses_events: SesEvents,
        *,
        public_url: str,
        twilio_auth_token: str,
    ) -> None:
        self._record = record
        self._ses_events = ses_events
        self._public_url = public_url
        self._twilio_auth_token = twilio_auth_token

    async def ReceiveTwilioReceipt(
        self,
        request: delivery_service_pb2.ReceiveTwilioReceiptRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> httpbody_pb2.HttpBody:
        form = status_callback.parse_form(request.body.data)
        self._verify(request, form, context)
        receipt = status_callback.read(request.tenant_id, request.notification_id, form)
        if receipt is not None and canonical_uuid(receipt.notification_id):
            await self._record([receipt])
        return httpbody_pb2.HttpBody(content_type="text/xml", data=b"<Response/>")

    async def ReceiveSesEvent(
        self, request: delivery_service_pb2.ReceiveSesEventRequest, _context: grpc.aio.ServicerContext[Any, Any]
    ) -> httpbody_pb2.HttpBody:
        receipts = await self._ses_events.take(request.body.data)
        if receipts:
            await self._record(receipts)
        return httpbody_pb2.HttpBody(content_type="text/plain")

    def _verify(
        self,
        request: delivery_service_pb2.ReceiveTwilioReceiptRequest,
        form: dict[str, str],
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> None:
        """Raises UNAUTHENTICATED unless Twilio signed this form for this notification's address.

        Both the address that Pulse gave and the one that was called will do: parameters may have been added to it
        before Twilio signed it or since.
        """
        metadata = [(key, str(value)) for key, value in context.invocation_metadata() or ()]
        signatures = [value for key, value in metadata if key == SIGNATURE]
        called = next((value for key, value in metadata if key == QUERY), "")
        urls = {
            callback_url(self._public_url, request.tenant_id, request.notification_id, query) for query in ("", called)
        }
        configured = bool(self._public_url and self._twilio_auth_token)
        if not (configured and len(signatures) == 1 and self._signed(urls, form, signatures[0])):
            raise PulseError(Code.UNAUTHENTICATED, "BAD_SIGNATURE", "the callback is not signed by Twilio")

    def _signed(self, urls: Iterable[str], form: dict[str, str], signature: str) -> bool:
        return any(is_signed(self._twilio_auth_token, url, form, signature) for url in urls)


def _provider(found: Reachability) -> delivery_service_pb2.Provider:
    return delivery_service_pb2.Provider(
        name=found.endpoint.name,
        channel=number_of(Channel.named(found.endpoint.channel)),
        reachable=not found.problem,
        problem=found.problem,
        check_time=to_timestamp(found.checked_at),
    )
