"""DestinationService: where notifications of channel CHAT can go, registered by those who administer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf import empty_pb2

from pulse.common.v1 import destination_pb2
from pulse.delivery.v1 import delivery_service_pb2
from pulse.gateway.v1 import destination_service_pb2 as api
from pulse.gateway.v1 import destination_service_pb2_grpc as api_grpc
from pulse.ledger.v1 import ledger_admin_pb2, ledger_reader_pb2
from services.gateway.door.calls import Context, Entry
from services.gateway.peers import ask
from services.gateway.sending.destinations import Destinations
from shared.observe.logs import logger
from shared.rpc.validation import check

if TYPE_CHECKING:
    from pulse.delivery.v1.delivery_service_pb2_grpc import DeliveryServiceAsyncStub
    from pulse.ledger.v1.ledger_admin_pb2_grpc import LedgerAdminAsyncStub
    from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderAsyncStub

_SCOPE = "administer"

log = logger(__name__)


class DestinationService(api_grpc.DestinationServiceServicer):
    """The public door to destinations; each caller sees its own tenant's.

    An address passes through here once, to the delivery service, which encrypts it; what is told is without it.
    """

    def __init__(
        self,
        entry: Entry,
        destinations: Destinations,
        delivery: DeliveryServiceAsyncStub,
        reader: LedgerReaderAsyncStub,
        admin: LedgerAdminAsyncStub,
    ) -> None:
        self._entry = entry
        self._destinations = destinations
        self._delivery = delivery
        self._reader = reader
        self._admin = admin

    async def CreateDestination(
        self, request: api.CreateDestinationRequest, context: Context
    ) -> destination_pb2.Destination:
        caller = self._entry.caller(context, _SCOPE)
        check(request)
        sealed = await self._sealed(caller.tenant_id, request.destination)
        wanted = ledger_admin_pb2.CreateDestinationRequest(
            tenant_id=caller.tenant_id, destination=sealed.destination, sealed=sealed.sealed
        )
        made = (await ask(self._admin.CreateDestination, wanted)).destination
        log.info("destination registered", destination=made.name, kind=made.kind, actor=caller.actor)
        return made

    async def UpdateDestination(
        self, request: api.UpdateDestinationRequest, context: Context
    ) -> destination_pb2.Destination:
        caller = self._entry.caller(context, _SCOPE)
        check(request)
        sealed = await self._sealed(caller.tenant_id, request.destination)
        wanted = ledger_admin_pb2.UpdateDestinationRequest(
            tenant_id=caller.tenant_id, destination=sealed.destination, sealed=sealed.sealed
        )
        changed = (await ask(self._admin.UpdateDestination, wanted)).destination
        self._destinations.forget(caller.tenant_id, changed.name)
        log.info("destination changed", destination=changed.name, kind=changed.kind, actor=caller.actor)
        return changed

    async def GetDestination(self, request: api.GetDestinationRequest, context: Context) -> destination_pb2.Destination:
        caller = self._entry.caller(context, _SCOPE)
        check(request)
        wanted = ledger_reader_pb2.GetDestinationRequest(tenant_id=caller.tenant_id, name=request.name)
        return (await ask(self._reader.GetDestination, wanted)).destination

    async def ListDestinations(
        self, request: api.ListDestinationsRequest, context: Context
    ) -> api.ListDestinationsResponse:
        caller = self._entry.caller(context, _SCOPE)
        check(request)
        wanted = ledger_reader_pb2.ListDestinationsRequest(tenant_id=caller.tenant_id)
        return api.ListDestinationsResponse(
            destinations=(await ask(self._reader.ListDestinations, wanted)).destinations
        )

    async def DeleteDestination(self, request: api.DeleteDestinationRequest, context: Context) -> empty_pb2.Empty:
        caller = self._entry.caller(context, _SCOPE)
        check(request)
        wanted = ledger_admin_pb2.DeleteDestinationRequest(tenant_id=caller.tenant_id, name=request.name)
        await ask(self._admin.DeleteDestination, wanted)
        self._destinations.forget(caller.tenant_id, request.name)
        log.info("destination deleted", actor=caller.actor)
        return empty_pb2.Empty()

    async def _sealed(
        self, tenant_id: str, wanted: destination_pb2.Destination
    ) -> delivery_service_pb2.SealDestinationResponse:
        request = delivery_service_pb2.SealDestinationRequest(tenant_id=tenant_id, name=wanted.name, url=wanted.url)
        return await ask(self._delivery.SealDestination, request)
