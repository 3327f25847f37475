"""UnsubscribeService: the door for recipients, whose only credential is a signed link."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.api import httpbody_pb2

from pulse.common.v1 import recipient_pb2
from pulse.gateway.v1 import unsubscribe_service_pb2 as api
from pulse.gateway.v1 import unsubscribe_service_pb2_grpc as api_grpc
from pulse.ledger.v1 import ledger_admin_pb2
from services.gateway.door.calls import Context
from services.gateway.peers import ask
from services.gateway.rules.pages import recipient_page
from services.gateway.rules.pages import unsubscribe_page as page
from shared import unsubscribe
from shared.channel.numbers import number_of
from shared.channel.table import Channel
from shared.signing import BadToken, KeyRing, unspoilt
from shared.unsubscribe import Subscription

if TYPE_CHECKING:
    from pulse.ledger.v1.ledger_admin_pb2_grpc import LedgerAdminAsyncStub

#: Envoy turns this initial metadatum into the HTTP status.
_BAD_REQUEST = ("x-http-code", "400")


class UnsubscribeService(api_grpc.UnsubscribeServiceServicer):
    """Shows pages; a wrong link is told on one too, as people read it and not programs."""

    def __init__(self, admin: LedgerAdminAsyncStub, keys: KeyRing) -> None:
        self._admin = admin
        self._keys = keys

    async def ShowUnsubscribe(self, request: api.ShowUnsubscribeRequest, context: Context) -> httpbody_pb2.HttpBody:
        wanted = self._read(request.token)
        channel = Channel.named(wanted.channel) if wanted else None
        if wanted is None or channel is None:
            return await _show(context, page.not_a_link(), _BAD_REQUEST)
        return await _show(context, page.asking(wanted.category, channel))

    async def Unsubscribe(self, request: api.UnsubscribeRequest, context: Context) -> httpbody_pb2.HttpBody:
        wanted = self._read(request.token)
        channel = Channel.named(wanted.channel) if wanted else None
        if wanted is None or channel is None:
            return await _show(context, page.not_a_link(), _BAD_REQUEST)
        suppression = recipient_pb2.Suppression(
            user_id=wanted.user_id,
            channel=number_of(channel),
            category=wanted.category,
            reason=recipient_pb2.Suppression.UNSUBSCRIBE,
        )
        inner = ledger_admin_pb2.CreateSuppressionRequest(tenant_id=wanted.tenant_id, suppression=suppression)
        await ask(self._admin.CreateSuppression, inner)
        return await _show(context, page.done(wanted.category, channel))

    def _read(self, token: str) -> Subscription | None:
        """What the link is for, None if it is none of Pulse's."""
        try:
            return unsubscribe.verify(self._keys, unspoilt(token))
        except BadToken:
            return None


async def _show(context: Context, html: bytes, *more: tuple[str, str]) -> httpbody_pb2.HttpBody:
    await context.send_initial_metadata((*recipient_page.headers(), *more))
    return httpbody_pb2.HttpBody(content_type="text/html; charset=utf-8", data=html)
