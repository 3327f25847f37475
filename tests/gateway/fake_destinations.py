"""Destinations as the ledger keeps them, in memory; what encrypts them is the delivery service's own."""

from __future__ import annotations

from typing import Any

from pulse.common.v1.destination_pb2 import Destination
from pulse.delivery.v1 import delivery_service_pb2_grpc
from pulse.ledger.v1 import ledger_admin_pb2, ledger_admin_pb2_grpc, ledger_reader_pb2, ledger_reader_pb2_grpc
from services.delivery.config import DeliverySettings
from services.delivery.providers.registry import destinations
from services.delivery.receiving.reachability import ReachabilityChecks
from services.delivery.receiving.service import DeliveryServicer
from shared.clock import SystemClock
from shared.errors import Code, PulseError, not_found

KEY = "ZGV2ZWxvcG1lbnQgZGV2ZWxvcG1lbnQgZGV2ZWxvcG0="

#: By tenant and name, with what is encrypted.
Kept = dict[tuple[str, str], tuple[Destination, bytes]]


class DestinationReads(ledger_reader_pb2_grpc.LedgerReaderServicer):
    """For the reader."""

    destinations: Kept

    async def GetDestination(self, request: Any, context: Any) -> ledger_reader_pb2.GetDestinationResponse:
        found = self.destinations.get((request.tenant_id, request.name))
        if found is None:
            raise not_found("DESTINATION", request.name)
        return ledger_reader_pb2.GetDestinationResponse(destination=found[0], sealed=found[1])

    async def ListDestinations(self, request: Any, context: Any) -> ledger_reader_pb2.ListDestinationsResponse:
        own = [kept[0] for (tenant, _), kept in sorted(self.destinations.items()) if tenant == request.tenant_id]
        return ledger_reader_pb2.ListDestinationsResponse(destinations=own)


class DestinationWrites(ledger_admin_pb2_grpc.LedgerAdminServicer):
    """For the administrator."""

    destinations: Kept

    async def CreateDestination(self, request: Any, context: Any) -> ledger_admin_pb2.CreateDestinationResponse:
        key = request.tenant_id, request.destination.name
        if key in self.destinations:
            raise PulseError(Code.ALREADY_EXISTS, "DESTINATION_EXISTS", "the name is taken")
        self.destinations[key] = request.destination, request.sealed
        return ledger_admin_pb2.CreateDestinationResponse(destination=request.destination)

    async def UpdateDestination(self, request: Any, context: Any) -> ledger_admin_pb2.UpdateDestinationResponse:
        key = request.tenant_id, request.destination.name
        if key not in self.destinations:
            raise not_found("DESTINATION", request.destination.name)
        self.destinations[key] = request.destination, request.sealed
        return ledger_admin_pb2.UpdateDestinationResponse(destination=request.destination)

    async def DeleteDestination(self, request: Any, context: Any) -> ledger_admin_pb2.DeleteDestinationResponse:
        if self.destinations.pop((request.tenant_id, request.name), None) is None:
            raise not_found("DESTINATION", request.name)
        return ledger_admin_pb2.DeleteDestinationResponse()


class Sealing(delivery_service_pb2_grpc.DeliveryServiceServicer):
    """The delivery service's own way to take destinations in, that calls nobody."""

    #: Its environment: a look-alike in place of all chat services, so that no name is looked up.
    environment: dict[str, str]

    async def SealDestination(self, request: Any, context: Any) -> Any:
        taking = destinations(DeliverySettings.load(self.environment))
        own = DeliveryServicer(ReachabilityChecks([], SystemClock(), 1.0), taking)
        return await own.SealDestination(request, context)
