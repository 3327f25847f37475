"""What LedgerReader and LedgerAdmin do with what is known of recipients: convert, call, convert back."""

from __future__ import annotations

from typing import Any

from pulse.ledger.v1 import ledger_admin_pb2 as admin_pb
from pulse.ledger.v1 import ledger_admin_pb2_grpc, ledger_reader_pb2_grpc
from pulse.ledger.v1 import ledger_reader_pb2 as reader_pb
from services.ledger.rpc import pages, wire_recipients
from services.ledger.rpc.pages import PageRequest
from services.ledger.stores.paging import SuppressionFilter
from services.ledger.stores.recipient_store import RecipientStore
from services.ledger.stores.suppressed_addresses import SuppressedAddresses
from shared.channel.numbers import channel_of
from shared.errors import Violation, invalid, not_found
from shared.ids import canonical_uuid
from shared.rpc.validation import check


class RecipientReads(ledger_reader_pb2_grpc.LedgerReaderServicer):
    """For LedgerReader: changes nothing."""

    _recipients: RecipientStore
    _suppressed: SuppressedAddresses

    async def GetPreferences(
        self, request: reader_pb.GetPreferencesRequest, context: Any
    ) -> reader_pb.GetPreferencesResponse:
        check(request)
        found = await self._recipients.preferences(request.tenant_id, request.user_id)
        return reader_pb.GetPreferencesResponse(preferences=wire_recipients.preferences(request.user_id, found))

    async def ListSuppressions(
        self, request: reader_pb.ListSuppressionsRequest, context: Any
    ) -> reader_pb.ListSuppressionsResponse:
        check(request)
        wanted = SuppressionFilter(request.tenant_id, request.user_id)
        shown, token = await pages.page(
            PageRequest(wanted, request.page_size, request.page_token),
            lambda count, last: self._recipients.suppressions(*wanted, count, last),
            lambda row: row.suppression_id,
            lambda row: wire_recipients.suppression(request.user_id, row),
        )
        return reader_pb.ListSuppressionsResponse(suppressions=shown, next_page_token=token)

    async def ListDeviceTokens(
        self, request: reader_pb.ListDeviceTokensRequest, context: Any
    ) -> reader_pb.ListDeviceTokensResponse:
        check(request)
        found = await self._recipients.devices(request.tenant_id, request.user_id)
        return reader_pb.ListDeviceTokensResponse(device_tokens=[wire_recipients.device(one) for one in found])

    async def FindSuppressed(
        self, request: reader_pb.FindSuppressedRequest, context: Any
    ) -> reader_pb.FindSuppressedResponse:
        check(request)
        channel = channel_of(request.channel)
        if channel is None:
            raise invalid([Violation("channel", "is not a channel that this ledger knows")])
        found = await self._suppressed.among(request.tenant_id, channel, request.category, request.addresses)
        suppressed = [
            reader_pb.FindSuppressedResponse.Suppressed(address=address, reason=reason)
            for address, reason in found.items()
        ]
        return reader_pb.FindSuppressedResponse(suppressed=suppressed)


class RecipientWrites(ledger_admin_pb2_grpc.LedgerAdminServicer):
    """For LedgerAdmin."""

    _recipients: RecipientStore

    async def UpdatePreferences(
        self, request: admin_pb.UpdatePreferencesRequest, context: Any
    ) -> admin_pb.UpdatePreferencesResponse:
        check(request)
        wanted, user_id = wire_recipients.preferences_of(request.preferences), request.preferences.user_id
        stored = await self._recipients.set_preferences(request.tenant_id, user_id, wanted)
        return admin_pb.UpdatePreferencesResponse(preferences=wire_recipients.preferences(user_id, stored))

    async def CreateSuppression(
        self, request: admin_pb.CreateSuppressionRequest, context: Any
    ) -> admin_pb.CreateSuppressionResponse:
        check(request)
        wanted, user_id = wire_recipients.suppression_of(request.suppression), request.suppression.user_id
        stored = await self._recipients.suppress(request.tenant_id, user_id, wanted)
        return admin_pb.CreateSuppressionResponse(suppression=wire_recipients.suppression(user_id, stored))

    async def DeleteSuppression(
        self, request: admin_pb.DeleteSuppressionRequest, context: Any
    ) -> admin_pb.DeleteSuppressionResponse:
        check(request)
        id_ = canonical_uuid(request.suppression_id)
        if id_ is None or not await self._recipients.lift(request.tenant_id, request.user_id, id_):
            raise not_found("SUPPRESSION", request.suppression_id)
        return admin_pb.DeleteSuppressionResponse()

    async def RegisterDeviceToken(
        self, request: admin_pb.RegisterDeviceTokenRequest, context: Any
    ) -> admin_pb.RegisterDeviceTokenResponse:
        check(request)
        wanted = request.device_token
        kind = wire_recipients.kind_of(wanted)
        stored = await self._recipients.register(request.tenant_id, wanted.user_id, wanted.token, wanted.label, kind)
        return admin_pb.RegisterDeviceTokenResponse(device_token=wire_recipients.device(stored))

    async def DeleteDeviceToken(
        self, request: admin_pb.DeleteDeviceTokenRequest, context: Any
    ) -> admin_pb.DeleteDeviceTokenResponse:
        check(request)
        id_ = canonical_uuid(request.device_token_id)
        if id_ is None or not await self._recipients.forget(request.tenant_id, request.user_id, id_):
            raise not_found("DEVICE_TOKEN", request.device_token_id)
        return admin_pb.DeleteDeviceTokenResponse()
