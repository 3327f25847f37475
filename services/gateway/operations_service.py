"""OperationsService: queues, statistics and dead letters, for operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from pulse.common.v1 import enums_pb2, notification_pb2
from pulse.gateway.v1 import operations_service_pb2 as api
from pulse.gateway.v1 import operations_service_pb2_grpc as api_grpc
from pulse.ledger.v1 import ledger_admin_pb2, ledger_reader_pb2
from services.gateway import wire
from services.gateway.calls import Context, Entry
from services.gateway.not_available import not_available
from services.gateway.peers import ask
from services.gateway.refusal import Refusal, refuse_nul
from services.gateway.service import DEFAULT_PAGE_SIZE, notification_ref
from shared.validation import check

if TYPE_CHECKING:
    from pulse.ledger.v1.ledger_admin_pb2_grpc import LedgerAdminAsyncStub
    from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderAsyncStub

_SCOPE = "operate"
_DEAD = (enums_pb2.FAILED, enums_pb2.UNKNOWN, enums_pb2.UNDELIVERED)
_DAY = 24 * 3600


class OperationsService(api_grpc.OperationsServiceServicer):
    """The public door for operators; each sees its own tenant."""

    def __init__(self, entry: Entry, reader: LedgerReaderAsyncStub, admin: LedgerAdminAsyncStub) -> None:
        self._entry = entry
        self._reader = reader
        self._admin = admin

    async def GetQueueDepths(self, request: api.GetQueueDepthsRequest, context: Context) -> api.GetQueueDepthsResponse:
        caller = self._entry.caller(context, _SCOPE)
        depths = await ask(
            self._reader.GetQueueDepths, ledger_reader_pb2.GetQueueDepthsRequest(tenant_id=caller.tenant_id)
        )
        return api.GetQueueDepthsResponse(
            queues=[
                api.QueueDepth(
                    lane=depth.lane,
                    due=depth.due,
                    waiting=depth.waiting,
                    sending=depth.sending,
                    oldest_due_age=depth.oldest_due_age,
                )
                for depth in depths.lanes
            ]
        )

    async def GetStatistics(self, request: api.GetStatisticsRequest, context: Context) -> api.GetStatisticsResponse:
        caller = self._entry.caller(context, _SCOPE)
        check(request)
        window = request.window if request.HasField("window") else Duration(seconds=_DAY)
        statistics = await ask(
            self._reader.GetStatistics,
            ledger_reader_pb2.GetStatisticsRequest(tenant_id=caller.tenant_id, window=window),
        )
        return api.GetStatisticsResponse(
            counts=[
                api.StatusCount(status=cell.status, channel=cell.channel, count=cell.count) for cell in statistics.cells
            ],
            average_retry_attempts=statistics.average_retry_attempts,
        )

    async def ListDeadLetters(
        self, request: api.ListDeadLettersRequest, context: Context
    ) -> api.ListDeadLettersResponse:
        caller = self._entry.caller(context, _SCOPE)
        check(request)
        wanted = request.filter
        try:
            refuse_nul("filter", "FILTER_NUL", wanted.provider, wanted.failure_code)
        except Refusal as refusal:
            raise wire.to_error(refusal) from None
        died_after = wire.time_filter(wanted, "died_after")
        died_before = wire.time_filter(wanted, "died_before")
        inner = ledger_reader_pb2.ListNotificationsRequest(
            tenant_id=caller.tenant_id,
            page_size=request.page_size or DEFAULT_PAGE_SIZE,
            page_token=request.page_token,
            statuses=_DEAD,
            channel=wanted.channel,
            provider=wanted.provider,
            failure_code=wanted.failure_code,
            # Whatever died before a time was accepted before it.
            created_before=died_before,
        )
        page = await ask(self._reader.ListNotifications, inner)
        letters = [letter for letter in page.notifications if _died_within(letter, died_after, died_before)]
        return api.ListDeadLettersResponse(dead_letters=letters, next_page_token=page.next_page_token)

    async def ReplayDeadLetter(
        self, request: api.ReplayDeadLetterRequest, context: Context
    ) -> notification_pb2.Notification:
        caller = self._entry.caller(context, _SCOPE)
        check(request)
        inner = ledger_admin_pb2.ReplayDeadLetterRequest(
            ref=notification_ref(caller, request.notification_id), actor=caller.actor
        )
        return (await ask(self._admin.ReplayDeadLetter, inner)).notification

    async def ReplayDeadLetters(self, request: Any, context: Context) -> api.ReplayDeadLettersResponse:
        self._entry.caller(context, _SCOPE)
        raise not_available("replaying many dead letters at once")

    async def _refuse_pausing(self, request: Any, context: Context) -> Any:
        self._entry.caller(context, _SCOPE)
        raise not_available("pausing and resuming a channel or provider")

    PauseDelivery = _refuse_pausing
    ResumeDelivery = _refuse_pausing


def _died_within(letter: notification_pb2.Notification, after: Timestamp | None, before: Timestamp | None) -> bool:
    """Whether its last change, by which it died, lies in the time asked for; the ledger filters by acceptance only."""
    died = letter.update_time.ToNanoseconds()
    if after is not None and died < after.ToNanoseconds():
        return False
    return before is None or died < before.ToNanoseconds()
