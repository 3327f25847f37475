"""OperationsService: queues, statistics and dead letters, for operators; providers and limits have their own parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.duration_pb2 import Duration

from pulse.common.v1 import notification_pb2
from pulse.gateway.v1 import operations_service_pb2 as api
from pulse.gateway.v1 import operations_service_pb2_grpc as api_grpc
from pulse.ledger.v1 import ledger_admin_pb2, ledger_reader_pb2, records_pb2
from services.gateway import wire
from services.gateway.api.limit_operations import LimitOperations
from services.gateway.api.provider_operations import ProviderOperations
from services.gateway.api.service import DEFAULT_PAGE_SIZE, notification_ref
from services.gateway.door.calls import Context, Entry
from services.gateway.peers import ask
from services.gateway.rules.nul import refuse_nul
from shared.errors import invalid_field
from shared.rpc.validation import check

if TYPE_CHECKING:
    from pulse.delivery.v1.delivery_service_pb2_grpc import DeliveryServiceAsyncStub
    from pulse.ledger.v1.ledger_admin_pb2_grpc import LedgerAdminAsyncStub
    from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderAsyncStub

_SCOPE = "operate"
#: Replays in a second when none is asked for.
_DEFAULT_RATE = 100
_DAY = 24 * 3600
#: Pieces that statistics may be cut into; one more where the window does not begin with a piece.
MOST_BUCKETS = 1_000


class OperationsService(ProviderOperations, LimitOperations, api_grpc.OperationsServiceServicer):
    """The public door for operators; each sees its own tenant."""

    def __init__(
        self,
        entry: Entry,
        reader: LedgerReaderAsyncStub,
        admin: LedgerAdminAsyncStub,
        delivery: DeliveryServiceAsyncStub,
    ) -> None:
        self._entry = entry
        self._reader = reader
        self._admin = admin
        self._delivery = delivery

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
        inner = ledger_reader_pb2.GetStatisticsRequest(
            tenant_id=caller.tenant_id,
            window=wire.length(request, "window") or Duration(seconds=_DAY),
            bucket=wire.length(request, "bucket"),
            by_provider=request.by_provider,
        )
        _check_buckets(inner)
        statistics = await ask(self._reader.GetStatistics, inner)
        return api.GetStatisticsResponse(
            counts=[_status_count(cell) for cell in statistics.cells],
            average_retry_attempts=statistics.average_retry_attempts,
            costs=statistics.costs,
        )

    async def ListDeadLetters(
        self, request: api.ListDeadLettersRequest, context: Context
    ) -> api.ListDeadLettersResponse:
        caller = self._entry.caller(context, _SCOPE)
        check(request)
        inner = ledger_reader_pb2.ListDeadLettersRequest(
            tenant_id=caller.tenant_id,
            filter=_filter(request.filter),
            page_size=request.page_size or DEFAULT_PAGE_SIZE,
            page_token=request.page_token,
        )
        page = await ask(self._reader.ListDeadLetters, inner)
        return api.ListDeadLettersResponse(dead_letters=page.dead_letters, next_page_token=page.next_page_token)

    async def ReplayDeadLetter(
        self, request: api.ReplayDeadLetterRequest, context: Context
    ) -> notification_pb2.Notification:
        caller = self._entry.caller(context, _SCOPE)
        check(request)
        inner = ledger_admin_pb2.ReplayDeadLetterRequest(
            ref=notification_ref(caller, request.notification_id), actor=caller.actor, template=request.template
        )
        return (await ask(self._admin.ReplayDeadLetter, inner)).notification

    async def ReplayDeadLetters(
        self, request: api.ReplayDeadLettersRequest, context: Context
    ) -> api.ReplayDeadLettersResponse:
        caller = self._entry.caller(context, _SCOPE)
        check(request)
        inner = ledger_admin_pb2.ReplayDeadLettersRequest(
            tenant_id=caller.tenant_id,
            filter=_filter(request.filter),
            rate_per_second=request.rate_per_second or _DEFAULT_RATE,
            dry_run=request.dry_run,
            actor=caller.actor,
            template=request.template,
        )
        replay = await ask(self._admin.ReplayDeadLetters, inner)
        answer = api.ReplayDeadLettersResponse(matched=replay.matched, replayed=replay.replayed)
        if replay.HasField("last_due_time"):
            answer.last_due_time.CopyFrom(replay.last_due_time)
        return answer


def _check_buckets(asked: ledger_reader_pb2.GetStatisticsRequest) -> None:
    """Raises INVALID_ARGUMENT for a window cut into more buckets than anybody would look at."""
    if asked.HasField("bucket") and asked.window.ToNanoseconds() > MOST_BUCKETS * asked.bucket.ToNanoseconds():
        raise invalid_field("bucket", "BUCKETS_TOO_MANY", f"cuts the window into more than {MOST_BUCKETS:,} pieces")


def _status_count(cell: ledger_reader_pb2.StatisticsCell) -> api.StatusCount:
    count = api.StatusCount(status=cell.status, channel=cell.channel, count=cell.count, provider=cell.provider)
    if cell.HasField("bucket_start"):
        count.bucket_start.CopyFrom(cell.bucket_start)
    return count


def _filter(wanted: api.DeadLetterFilter) -> records_pb2.DeadLetterFilter:
    """The filter in the ledger's words. Raises INVALID_ARGUMENT for a text or time that cannot be."""
    refuse_nul("filter", "FILTER_NUL", wanted.provider, wanted.failure_code)
    return records_pb2.DeadLetterFilter(
        channel=wanted.channel,
        provider=wanted.provider,
        failure_code=wanted.failure_code,
        died_after=wire.time_filter(wanted, "died_after"),
        died_before=wire.time_filter(wanted, "died_before"),
    )
