"""NotificationService: convert, ask, convert back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from pulse.common.v1 import notification_pb2
from pulse.common.v1.notification_filter_pb2 import NotificationFilter
from pulse.gateway.v1 import notification_service_pb2 as api
from pulse.gateway.v1 import notification_service_pb2_grpc as api_grpc
from pulse.ledger.v1 import ledger_admin_pb2, ledger_reader_pb2, ledger_service_pb2, records_pb2
from services.gateway import wire
from services.gateway.api.watching import Watching
from services.gateway.door.announcing import announce
from services.gateway.door.auth import Caller
from services.gateway.door.calls import Context, Entry, refuse_key_on_batch
from services.gateway.peers import ask
from services.gateway.rules.nul import refuse_nul
from services.gateway.sending.sending import Sending
from services.gateway.sending.submitter import SubmitAnswer
from shared.errors import PulseError, invalid_field
from shared.rpc.statuses import to_status
from shared.rpc.validation import check

if TYPE_CHECKING:
    from pulse.ledger.v1.ledger_admin_pb2_grpc import LedgerAdminAsyncStub
    from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderAsyncStub
    from pulse.ledger.v1.ledger_service_pb2_grpc import LedgerServiceAsyncStub

DEFAULT_PAGE_SIZE = 50


class NotificationService(api_grpc.NotificationServiceServicer):
    """The public door to sending and following notifications."""

    def __init__(
        self,
        entry: Entry,
        sending: Sending,
        reader: LedgerReaderAsyncStub,
        ledger: LedgerServiceAsyncStub,
        admin: LedgerAdminAsyncStub,
        watching: Watching,
    ) -> None:
        self._entry = entry
        self._watching = watching
        self._sending = sending
        self._reader = reader
        self._ledger = ledger
        self._admin = admin

    async def SendNotification(
        self, request: api.SendNotificationRequest, context: Context
    ) -> api.SendNotificationResponse:
        caller, said = self._entry.admit(context, "send")
        result = await self._sending.send(caller, request, said)
        await announce(context, said, result)
        return api.SendNotificationResponse(
            notification_id="" if request.validate_only else result.notification_id,
            status=result.status,
            replayed=result.replayed,
            sms=result.sms_size if result.HasField("sms_size") else None,
        )

    async def BatchSendNotifications(
        self, request: api.BatchSendNotificationsRequest, context: Context
    ) -> api.BatchSendNotificationsResponse:
        caller, said = self._entry.admit(context, "send")
        refuse_key_on_batch(said)
        check(request)
        outcomes = await self._sending.send_all(caller, request.requests, said, request.traceparents)
        return api.BatchSendNotificationsResponse(results=list(map(_batch_result, request.requests, outcomes)))

    async def GetNotification(
        self, request: api.GetNotificationRequest, context: Context
    ) -> notification_pb2.Notification:
        caller = self._entry.caller(context, "read")
        check(request)
        inner = ledger_reader_pb2.GetNotificationRequest(ref=notification_ref(caller, request.notification_id))
        return (await ask(self._reader.GetNotification, inner)).notification

    async def ListNotifications(
        self, request: api.ListNotificationsRequest, context: Context
    ) -> api.ListNotificationsResponse:
        caller = self._entry.caller(context, "read")
        check(request)
        inner = ledger_reader_pb2.ListNotificationsRequest(
            tenant_id=caller.tenant_id,
            page_size=request.page_size or DEFAULT_PAGE_SIZE,
            page_token=request.page_token,
            user_id=request.user_id,
            statuses=[request.status] if request.status else [],
            channel=request.channel,
            template_name=request.template_name,
            created_after=wire.time_filter(request, "created_after"),
            created_before=wire.time_filter(request, "created_before"),
        )
        page = await ask(self._reader.ListNotifications, inner)
        return api.ListNotificationsResponse(notifications=page.notifications, next_page_token=page.next_page_token)

    async def WatchNotification(
        self, request: api.WatchNotificationRequest, context: Context
    ) -> AsyncIterator[api.WatchNotificationResponse]:
        caller, said = self._entry.admit(context, "read")
        check(request)
        ref = caller.tenant_id, request.notification_id.lower()
        told = False
        try:
            async for event in self._watching.events(caller, said, ref, request.after_sequence):
                yield api.WatchNotificationResponse(event=event, status=event.status)
                told = True
        except PulseError as error:
            # After its first event a REST stream has its HTTP status, and would seem to be at its end.
            if told and said.over_rest:
                yield api.WatchNotificationResponse(error=to_status(error))
            raise

    async def AcknowledgeNotification(
        self, request: api.AcknowledgeNotificationRequest, context: Context
    ) -> notification_pb2.Notification:
        caller = self._entry.caller(context, "send")
        check(request)
        inner = ledger_service_pb2.AcknowledgeRequest(
            ref=notification_ref(caller, request.notification_id), actor=caller.actor
        )
        return (await ask(self._ledger.Acknowledge, inner)).notification

    async def CancelNotification(
        self, request: api.CancelNotificationRequest, context: Context
    ) -> notification_pb2.Notification:
        caller = self._entry.caller(context, "send")
        check(request)
        inner = ledger_service_pb2.CancelRequest(
            ref=notification_ref(caller, request.notification_id), actor=caller.actor
        )
        return (await ask(self._ledger.Cancel, inner)).notification

    async def CancelNotifications(
        self, request: api.CancelNotificationsRequest, context: Context
    ) -> api.CancelNotificationsResponse:
        caller = self._entry.caller(context, "send")
        check(request)
        inner = ledger_admin_pb2.CancelNotificationsRequest(
            tenant_id=caller.tenant_id, filter=_waiting(request.filter), dry_run=request.dry_run, actor=caller.actor
        )
        done = await ask(self._admin.CancelNotifications, inner)
        return api.CancelNotificationsResponse(matched=done.matched, cancelled=done.cancelled)


def _waiting(wanted: NotificationFilter) -> NotificationFilter:
    """The filter as the ledger takes it. Raises INVALID_ARGUMENT for a text or time that cannot be, and for none."""
    texts = (wanted.user_id, wanted.template_name, wanted.category, wanted.idempotency_key)
    refuse_nul("filter", "FILTER_NUL", *texts, *wanted.metadata, *wanted.metadata.values())
    if not any((*texts, wanted.channel, wanted.metadata)):
        raise invalid_field("filter", "FILTER_EMPTY", "names neither user, template, category, channel, label nor key")
    taken = NotificationFilter(
        created_after=wire.time_filter(wanted, "created_after"),
        created_before=wire.time_filter(wanted, "created_before"),
    )
    for field in ("created_after", "created_before"):
        wanted.ClearField(field)
    taken.MergeFrom(wanted)
    return taken


def notification_ref(caller: Caller, notification_id: str) -> records_pb2.NotificationRef:
    """Names a notification of the caller's tenant; ids are written in lower case."""
    return records_pb2.NotificationRef(tenant_id=caller.tenant_id, notification_id=notification_id.lower())


def _batch_result(request: api.SendNotificationRequest, outcome: SubmitAnswer) -> api.BatchSendResult:
    if isinstance(outcome, PulseError):
        return api.BatchSendResult(error=to_status(outcome))
    return api.BatchSendResult(
        notification_id="" if request.validate_only else outcome.notification_id,
        status=outcome.status,
        replayed=outcome.replayed,
        sms=outcome.sms_size if outcome.HasField("sms_size") else None,
    )
