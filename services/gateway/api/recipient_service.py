"""RecipientService: convert, ask, convert back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf import empty_pb2

from pulse.common.v1 import recipient_pb2
from pulse.gateway.v1 import recipient_service_pb2 as api
from pulse.gateway.v1 import recipient_service_pb2_grpc as api_grpc
from pulse.ledger.v1 import ledger_admin_pb2, ledger_reader_pb2
from services.gateway.api import recipient_wire
from services.gateway.api.service import DEFAULT_PAGE_SIZE
from services.gateway.door.auth import Caller
from services.gateway.door.calls import Context, Entry
from services.gateway.peers import ask
from services.gateway.rules.addresses import Addresses
from shared.rpc.validation import check

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from pulse.ledger.v1.ledger_admin_pb2_grpc import LedgerAdminAsyncStub
    from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderAsyncStub

_READ = "read"
#: Whoever sends to users also registers their devices and keeps what they want.
_WRITE = "send"
#: What holds against senders is not for senders to lift.
_SUPPRESS = "operate"


class RecipientService(api_grpc.RecipientServiceServicer):
    """The public door to what is known of recipients."""

    def __init__(
        self, entry: Entry, addresses: Addresses, reader: LedgerReaderAsyncStub, admin: LedgerAdminAsyncStub
    ) -> None:
        self._entry = entry
        self._addresses = addresses
        self._reader = reader
        self._admin = admin

    async def GetPreferences(self, request: api.GetPreferencesRequest, context: Context) -> recipient_pb2.Preferences:
        caller = self._admit(request, context, _READ)
        inner = ledger_reader_pb2.GetPreferencesRequest(tenant_id=caller.tenant_id, user_id=request.user_id)
        return (await ask(self._reader.GetPreferences, inner)).preferences

    async def UpdatePreferences(
        self, request: api.UpdatePreferencesRequest, context: Context
    ) -> recipient_pb2.Preferences:
        caller = self._admit(request, context, _WRITE)
        preferences = recipient_wire.preferences(request.preferences)
        inner = ledger_admin_pb2.UpdatePreferencesRequest(tenant_id=caller.tenant_id, preferences=preferences)
        return (await ask(self._admin.UpdatePreferences, inner)).preferences

    async def ListSuppressions(
        self, request: api.ListSuppressionsRequest, context: Context
    ) -> api.ListSuppressionsResponse:
        caller = self._admit(request, context, _READ)
        inner = ledger_reader_pb2.ListSuppressionsRequest(
            tenant_id=caller.tenant_id,
            user_id=request.user_id,
            page_size=request.page_size or DEFAULT_PAGE_SIZE,
            page_token=request.page_token,
        )
        page = await ask(self._reader.ListSuppressions, inner)
        return api.ListSuppressionsResponse(suppressions=page.suppressions, next_page_token=page.next_page_token)

    async def CreateSuppression(
        self, request: api.CreateSuppressionRequest, context: Context
    ) -> recipient_pb2.Suppression:
        caller = self._admit(request, context, _SUPPRESS)
        suppression = recipient_wire.suppression(request.suppression, self._addresses)
        inner = ledger_admin_pb2.CreateSuppressionRequest(tenant_id=caller.tenant_id, suppression=suppression)
        return (await ask(self._admin.CreateSuppression, inner)).suppression

    async def DeleteSuppression(self, request: api.DeleteSuppressionRequest, context: Context) -> empty_pb2.Empty:
        caller = self._admit(request, context, _SUPPRESS)
        inner = ledger_admin_pb2.DeleteSuppressionRequest(
            tenant_id=caller.tenant_id, user_id=request.user_id, suppression_id=request.suppression_id.lower()
        )
        await ask(self._admin.DeleteSuppression, inner)
        return empty_pb2.Empty()

    async def ListDeviceTokens(
        self, request: api.ListDeviceTokensRequest, context: Context
    ) -> api.ListDeviceTokensResponse:
        caller = self._admit(request, context, _READ)
        inner = ledger_reader_pb2.ListDeviceTokensRequest(tenant_id=caller.tenant_id, user_id=request.user_id)
        return api.ListDeviceTokensResponse(
            device_tokens=(await ask(self._reader.ListDeviceTokens, inner)).device_tokens
        )

    async def RegisterDeviceToken(
        self, request: api.RegisterDeviceTokenRequest, context: Context
    ) -> recipient_pb2.DeviceToken:
        caller = self._admit(request, context, _WRITE)
        device_token = recipient_wire.device_token(request.device_token, self._addresses)
        inner = ledger_admin_pb2.RegisterDeviceTokenRequest(tenant_id=caller.tenant_id, device_token=device_token)
        return (await ask(self._admin.RegisterDeviceToken, inner)).device_token

    async def DeleteDeviceToken(self, request: api.DeleteDeviceTokenRequest, context: Context) -> empty_pb2.Empty:
        caller = self._admit(request, context, _WRITE)
        inner = ledger_admin_pb2.DeleteDeviceTokenRequest(
            tenant_id=caller.tenant_id, user_id=request.user_id, device_token_id=request.device_token_id.lower()
        )
        await ask(self._admin.DeleteDeviceToken, inner)
        return empty_pb2.Empty()

    def _admit(self, request: Message, context: Context, scope: str) -> Caller:
        """The caller of a request that keeps the contract's rules."""
        caller = self._entry.caller(context, scope)
        check(request)
        return caller
