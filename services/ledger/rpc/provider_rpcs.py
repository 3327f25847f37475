"""What the ledger's reads and decisions say of providers: converts, calls, converts back."""

from __future__ import annotations

from typing import Any

from pulse.ledger.v1 import (
    ledger_admin_pb2,
    ledger_admin_pb2_grpc,
    ledger_reader_pb2,
    ledger_reader_pb2_grpc,
)
from services.ledger.rpc import wire, wire_providers
from services.ledger.rpc.wire_enums import FROM_OVERRIDE
from services.ledger.stores.provider_store import ProviderStore
from shared.errors import Violation, invalid, not_found


class ProviderReads(ledger_reader_pb2_grpc.LedgerReaderServicer):
    """For those who look: part of LedgerReader."""

    _providers: ProviderStore

    async def ListProviderStates(
        self, request: ledger_reader_pb2.ListProviderStatesRequest, context: Any
    ) -> ledger_reader_pb2.ListProviderStatesResponse:
        states = await self._providers.states()
        return ledger_reader_pb2.ListProviderStatesResponse(states=[wire_providers.state(one) for one in states])


class ProviderDecisions(ledger_admin_pb2_grpc.LedgerAdminServicer):
    """For operators: part of LedgerAdmin."""

    _providers: ProviderStore

    async def SetPause(
        self, request: ledger_admin_pb2.SetPauseRequest, context: Any
    ) -> ledger_admin_pb2.SetPauseResponse:
        subject = wire_providers.subject(request.channel, request.provider)
        await self._providers.pause(subject, request.paused, wire.clean(request.actor))
        return ledger_admin_pb2.SetPauseResponse()

    async def OverrideBreaker(
        self, request: ledger_admin_pb2.OverrideBreakerRequest, context: Any
    ) -> ledger_admin_pb2.OverrideBreakerResponse:
        wanted = FROM_OVERRIDE.get(request.override)
        if wanted is None:
            raise invalid([Violation("override", "is required")])
        state = await self._providers.override(request.provider, wanted, wire.clean(request.actor))
        if state is None:
            raise not_found("PROVIDER", request.provider)
        return ledger_admin_pb2.OverrideBreakerResponse(state=wire_providers.state(state))
