"""OperationsService's part on providers: how they do, breakers, pauses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulse.common.v1 import enums_pb2, provider_pb2
from pulse.delivery.v1 import delivery_service_pb2
from pulse.gateway.v1 import operations_service_pb2 as api
from pulse.ledger.v1 import ledger_admin_pb2, ledger_reader_pb2
from services.gateway.api import providers
from services.gateway.door.calls import Context, Entry
from services.gateway.peers import ask
from shared.errors import Code, PulseError, invalid_field
from shared.rpc import channels
from shared.rpc.validation import check

if TYPE_CHECKING:
    from pulse.delivery.v1.delivery_service_pb2_grpc import DeliveryServiceAsyncStub
    from pulse.ledger.v1.ledger_admin_pb2_grpc import LedgerAdminAsyncStub
    from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderAsyncStub

#: Longest that the delivery service is waited for, which only tells what can be reached, s.
_PROBE_SECONDS = 2.0


class ProviderOperations:
    """Providers serve all tenants: what is decided on them is for platform administrators."""

    _entry: Entry
    _reader: LedgerReaderAsyncStub
    _admin: LedgerAdminAsyncStub
    _delivery: DeliveryServiceAsyncStub

    async def ListProviders(self, request: api.ListProvidersRequest, context: Context) -> api.ListProvidersResponse:
        self._entry.caller(context, "operate")
        seen = await ask(self._reader.ListProviderStates, ledger_reader_pb2.ListProviderStatesRequest())
        try:
            probes = delivery_service_pb2.ListProvidersRequest()
            reached = await channels.call(self._delivery.ListProviders, probes, longest=_PROBE_SECONDS)
        except PulseError as error:
            if error.code not in (Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED):
                raise
            return api.ListProvidersResponse(providers=providers.not_tried(seen.states))
        return api.ListProvidersResponse(providers=providers.merged(seen.states, reached.providers))

    async def OverrideBreaker(
        self, request: api.OverrideBreakerRequest, context: Context
    ) -> provider_pb2.ProviderState:
        caller = self._entry.caller(context, "administer")
        check(request)
        providers.check_name(request.provider)
        inner = ledger_admin_pb2.OverrideBreakerRequest(
            provider=request.provider, override=request.override, actor=caller.actor
        )
        return (await ask(self._admin.OverrideBreaker, inner)).state

    async def PauseDelivery(self, request: api.PauseDeliveryRequest, context: Context) -> api.PauseDeliveryResponse:
        await self._set_pause(request, context, paused=True)
        return api.PauseDeliveryResponse()

    async def ResumeDelivery(self, request: api.ResumeDeliveryRequest, context: Context) -> api.ResumeDeliveryResponse:
        await self._set_pause(request, context, paused=False)
        return api.ResumeDeliveryResponse()

    async def _set_pause(
        self, request: api.PauseDeliveryRequest | api.ResumeDeliveryRequest, context: Context, *, paused: bool
    ) -> None:
        caller = self._entry.caller(context, "administer")
        check(request)
        if bool(request.provider) == (request.channel != enums_pb2.CHANNEL_UNSPECIFIED):
            raise invalid_field("provider", "CHANNEL_OR_PROVIDER", "is to be named, or a channel, and only one of them")
        if request.provider:
            providers.check_name(request.provider)
        inner = ledger_admin_pb2.SetPauseRequest(
            channel=request.channel, provider=request.provider, paused=paused, actor=caller.actor
        )
        await ask(self._admin.SetPause, inner)
