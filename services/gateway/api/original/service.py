"""CompatibilityService: the original Pulse's interface over the same notifications and templates."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from pulse.common.v1 import enums_pb2, notification_pb2, template_pb2
from pulse.gateway.v1 import compatibility_service_pb2 as api
from pulse.gateway.v1 import compatibility_service_pb2_grpc as api_grpc
from pulse.gateway.v1 import notification_service_pb2
from pulse.ledger.v1 import ledger_reader_pb2
from services.gateway.api.original.wire import status_word, to_status, to_template
from services.gateway.api.service import notification_ref
from services.gateway.door.announcing import announce
from services.gateway.door.auth import Caller
from services.gateway.door.calls import Context, Entry
from services.gateway.peers import ask
from services.gateway.rules import compatibility
from services.gateway.sending.sending import Sending
from services.gateway.sending.templates import TemplateCatalogue
from shared.channel.numbers import channel_of, number_of
from shared.channel.table import Channel
from shared.errors import Code, PulseError, not_found
from shared.ids import canonical_uuid
from shared.rpc.validation import check

if TYPE_CHECKING:
    from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderAsyncStub

#: Envoy turns this initial metadatum into the HTTP status.
_HTTP_CODE = "x-http-code"
_TEMPLATES_A_PAGE = 100
#: Pages of the ledger's in one list: enough for the most that may be asked for, however large each is.
_MOST_PAGES = 40


class CompatibilityService(api_grpc.CompatibilityServiceServicer):
    """The original's paths, names and values."""

    def __init__(
        self, entry: Entry, sending: Sending, templates: TemplateCatalogue, reader: LedgerReaderAsyncStub
    ) -> None:
        self._entry = entry
        self._sending = sending
        self._templates = templates
        self._reader = reader

    async def Send(self, request: api.SendRequest, context: Context) -> api.SendResponse:
        caller, said = self._entry.admit(context, "send")
        channel = compatibility.channel(request.channel)
        modern = await self._modernise(caller, request, channel)
        result = await self._sending.send(caller, modern, said)
        await announce(context, said, result, ((_HTTP_CODE, "200" if result.replayed else "202"),))
        status = status_word(result.status) if result.replayed else "queued"
        return api.SendResponse(notification_id=result.notification_id, status=status)

    async def GetStatus(self, request: api.GetStatusRequest, context: Context) -> api.NotificationStatus:
        caller = self._entry.caller(context, "read")
        check(request)
        inner = ledger_reader_pb2.GetNotificationRequest(ref=notification_ref(caller, request.notification_id))
        return to_status((await ask(self._reader.GetNotification, inner)).notification)

    async def List(self, request: api.ListRequest, context: Context) -> api.ListResponse:
        caller = self._entry.caller(context, "read")
        inner = ledger_reader_pb2.ListNotificationsRequest(
            tenant_id=caller.tenant_id,
            page_size=compatibility.limit(request.limit),
            user_id=compatibility.user_id(request.user_id),
            statuses=[enums_pb2.Status.Value(name) for name in compatibility.statuses(request.status)],
            channel=number_of(compatibility.channel(request.channel)),
        )
        results = [to_status(seen) async for seen in self._first(inner)]
        return api.ListResponse(count=len(results), results=results)

    async def ListLegacyTemplates(
        self, request: api.ListLegacyTemplatesRequest, context: Context
    ) -> api.ListLegacyTemplatesResponse:
        caller = self._entry.caller(context, "read")
        channel = number_of(compatibility.channel(request.channel))
        results = [to_template(caller.tenant_id, stored) async for stored in self._all_templates(caller, channel)]
        return api.ListLegacyTemplatesResponse(count=len(results), results=results)

    async def GetLegacyTemplate(self, request: api.GetLegacyTemplateRequest, context: Context) -> api.LegacyTemplate:
        caller = self._entry.caller(context, "read")
        check(request)
        try:
            stored = (await self._templates.at_version(caller.tenant_id, request.name, 0)).stored
        except PulseError as error:
            template_id = canonical_uuid(request.name)
            if error.code is not Code.NOT_FOUND or template_id is None:
                raise
            stored = await self._template_by_id(caller, template_id)
        return to_template(caller.tenant_id, stored)

    async def _template_by_id(self, caller: Caller, template_id: str) -> template_pb2.Template:
        async for stored in self._all_templates(caller, enums_pb2.CHANNEL_UNSPECIFIED):
            if compatibility.template_id(caller.tenant_id, stored.name) == template_id:
                return stored
        raise not_found("template", template_id)

    async def _first(
        self, wanted: ledger_reader_pb2.ListNotificationsRequest
    ) -> AsyncIterator[notification_pb2.Notification]:
        """As many as ``wanted`` asks for, as the original knew no pages: a page may have fewer than it could.

        Fewer than there are where so many pages do not have them.
        """
        for _ in range(_MOST_PAGES):
            page = await ask(self._reader.ListNotifications, wanted)
            for seen in page.notifications:
                yield seen
            wanted.page_size -= len(page.notifications)
            wanted.page_token = page.next_page_token
            if not wanted.page_token or not wanted.page_size:
                return

    async def _all_templates(
        self, caller: Caller, channel: enums_pb2.Channel.ValueType
    ) -> AsyncIterator[template_pb2.Template]:
        token = ""
        while True:
            inner = ledger_reader_pb2.ListTemplatesRequest(
                tenant_id=caller.tenant_id, page_size=_TEMPLATES_A_PAGE, page_token=token, channel=channel
            )
            page = await ask(self._reader.ListTemplates, inner)
            for stored in page.templates:
                yield stored
            token = page.next_page_token
            if not token:
                return

    async def _modernise(
        self, caller: Caller, request: api.SendRequest, channel: Channel | None
    ) -> notification_service_pb2.SendNotificationRequest:
        """The same wish in today's words; asks for the template only where the channel decides what is meant."""
        extras = compatibility.OriginalExtras(request.to, request.device_token, request.title, request.subject)
        meant = channel
        if not channel and extras.depend_on_channel() and request.template_name:
            template = await self._templates.newest(caller.tenant_id, request.template_name)
            meant = channel_of(template.stored.channel)
        return notification_service_pb2.SendNotificationRequest(
            user_id=request.user_id,
            template_name=request.template_name,
            to=extras.target(meant),
            context=request.context if request.HasField("context") else None,
            channel=number_of(channel),
            idempotency_key=request.idempotency_key,
            subject=extras.heading(meant),
        )
