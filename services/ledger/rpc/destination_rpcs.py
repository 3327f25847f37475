"""The destinations' part of LedgerAdmin and LedgerReader: converts, calls, converts back."""

from __future__ import annotations

import datetime as dt
from typing import Any

from pulse.common.v1 import destination_pb2
from pulse.ledger.v1 import ledger_admin_pb2, ledger_admin_pb2_grpc, ledger_reader_pb2, ledger_reader_pb2_grpc
from services.ledger.stores.destination_store import DestinationStore, StoredDestination
from shared.errors import Code, PulseError, not_found
from shared.rpc.validation import check
from shared.times import to_timestamp

#: Stands where the store puts the time.
_UNMADE = dt.datetime.min


class DestinationWrites(ledger_admin_pb2_grpc.LedgerAdminServicer):
    """Keeps destinations."""

    _destinations: DestinationStore

    async def CreateDestination(
        self, request: ledger_admin_pb2.CreateDestinationRequest, context: Any
    ) -> ledger_admin_pb2.CreateDestinationResponse:
        check(request)
        stored = await self._destinations.create(request.tenant_id, _wanted(request))
        if stored is None:
            raise PulseError(
                Code.ALREADY_EXISTS,
                "DESTINATION_EXISTS",
                f"there is a destination {request.destination.name!r} already",
                hint="update it to set another url",
            )
        return ledger_admin_pb2.CreateDestinationResponse(destination=to_destination(stored))

    async def UpdateDestination(
        self, request: ledger_admin_pb2.UpdateDestinationRequest, context: Any
    ) -> ledger_admin_pb2.UpdateDestinationResponse:
        check(request)
        stored = await self._destinations.update(request.tenant_id, _wanted(request))
        if stored is None:
            raise not_found("DESTINATION", request.destination.name)
        return ledger_admin_pb2.UpdateDestinationResponse(destination=to_destination(stored))

    async def DeleteDestination(
        self, request: ledger_admin_pb2.DeleteDestinationRequest, context: Any
    ) -> ledger_admin_pb2.DeleteDestinationResponse:
        check(request)
        if not await self._destinations.delete(request.tenant_id, _clean(request.name)):
            raise not_found("DESTINATION", request.name)
        return ledger_admin_pb2.DeleteDestinationResponse()


class DestinationReads(ledger_reader_pb2_grpc.LedgerReaderServicer):
    """Tells destinations."""

    _destinations: DestinationStore

    async def GetDestination(
        self, request: ledger_reader_pb2.GetDestinationRequest, context: Any
    ) -> ledger_reader_pb2.GetDestinationResponse:
        check(request)
        stored = await self._destinations.get(request.tenant_id, _clean(request.name))
        if stored is None:
            raise not_found("DESTINATION", request.name)
        return ledger_reader_pb2.GetDestinationResponse(destination=to_destination(stored), sealed=stored.sealed)

    async def ListDestinations(
        self, request: ledger_reader_pb2.ListDestinationsRequest, context: Any
    ) -> ledger_reader_pb2.ListDestinationsResponse:
        check(request)
        found = await self._destinations.all(request.tenant_id)
        return ledger_reader_pb2.ListDestinationsResponse(destinations=map(to_destination, found))


def to_destination(stored: StoredDestination) -> destination_pb2.Destination:
    """As callers get it, without its address."""
    return destination_pb2.Destination(
        name=stored.name,
        kind=stored.kind,
        host=stored.host,
        fingerprint=stored.fingerprint,
        key_id=stored.key_id,
        create_time=to_timestamp(stored.created_at),
        update_time=to_timestamp(stored.updated_at),
    )


def _wanted(
    request: ledger_admin_pb2.CreateDestinationRequest | ledger_admin_pb2.UpdateDestinationRequest,
) -> StoredDestination:
    given = request.destination
    return StoredDestination(
        given.name, given.kind, given.host, given.fingerprint, given.key_id, request.sealed, _UNMADE, _UNMADE
    )


def _clean(name: str) -> str:
    """PostgreSQL takes no NUL; none is in a name that is kept."""
    return name.replace("\0", "\ufffd")
