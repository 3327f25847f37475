"""The operators' half of the fake gateway."""

from __future__ import annotations

import datetime as dt
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty

from pulse.common.v1 import enums_pb2, notification_pb2
from pulse.gateway.v1 import operations_service_pb2 as pb
from pulse.gateway.v1 import operations_service_pb2_grpc
from shared.clock import SystemClock
from shared.errors import Code, PulseError, Violation, invalid, not_found
from tests.console.book import Book, abort


class Operations(operations_service_pb2_grpc.OperationsServiceServicer):
    """Counts, replays, limits and decides."""

    def __init__(self, book: Book) -> None:
        self.book = book

    async def GetQueueDepths(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        high = pb.QueueDepth(lane=enums_pb2.HIGH, due=3, oldest_due_age=Duration(seconds=90))
        low = pb.QueueDepth(lane=enums_pb2.LOW, due=40, waiting=2, sending=1)
        return pb.GetQueueDepthsResponse(queues=[high, low])

    async def GetStatistics(self, request: Any, context: Any) -> Any:
        """One SMS was sent in each of the hours that the window touches, and one failed in the last."""
        await self.book.begin(request, context)
        hour = SystemClock().now().replace(minute=0, second=0, microsecond=0)
        counts = [_cell(enums_pb2.FAILED, hour)]
        if request.HasField("bucket"):
            counts += [_cell(enums_pb2.SENT, hour - dt.timedelta(hours=back)) for back in range(25)]
        cost = notification_pb2.Cost(
            day={"seconds": 1_780_272_000},
            channel=enums_pb2.SMS,
            provider="twilio",
            price={"amount": "12.3398", "currency": "USD"},
            count=1562,
        )
        return pb.GetStatisticsResponse(counts=counts, average_retry_attempts=1.5, costs=[cost])

    async def ListDeadLetters(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        return pb.ListDeadLettersResponse(dead_letters=self._dead())

    async def ReplayDeadLetter(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        notification = await self.book.find(request.notification_id, context)
        notification.status = enums_pb2.QUEUED
        return notification

    async def ReplayDeadLetters(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        if request.rate_per_second > 10_000:
            refused = invalid([Violation("rate_per_second", "must be at most 10,000")])
            await abort(context, refused)
        dead = self._dead()
        if request.dry_run:
            return pb.ReplayDeadLettersResponse(matched=len(dead))
        for notification in dead:
            notification.status = enums_pb2.QUEUED
        return pb.ReplayDeadLettersResponse(matched=len(dead), replayed=len(dead))

    async def ListProviders(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        return pb.ListProvidersResponse(providers=self.book.providers.values())

    async def OverrideBreaker(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        state = self.book.providers[request.provider]
        state.override = request.override
        return state

    async def PauseDelivery(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        self._set_paused(request, paused=True)
        return pb.PauseDeliveryResponse()

    async def ResumeDelivery(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        self._set_paused(request, paused=False)
        return pb.ResumeDeliveryResponse()

    async def ListLimits(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        return pb.ListLimitsResponse(limits=self.book.limits.values())

    async def SetLimit(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        limit = request.limit
        if not limit.amount:
            await abort(context, invalid([Violation("limit.amount", "must be at least 1")]))
        if limit.tenant_id == "*":
            await abort(context, PulseError(Code.PERMISSION_DENIED, "SCOPE_MISSING", "the key lacks administer"))
        kind = type(limit).Kind.Name(limit.kind).lower()
        limit.limit_id = f"{kind}:{limit.subject}" if limit.subject else kind
        limit.actor, limit.tenant_id = "ops", limit.tenant_id or "acme"
        self.book.limits[limit.tenant_id, limit.limit_id] = limit
        return limit

    async def DeleteLimit(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        if self.book.limits.pop((request.tenant_id, request.limit_id), None) is None:
            await abort(context, not_found("limit", request.limit_id))
        return Empty()

    def _dead(self) -> list[Any]:
        return [n for n in self.book.notifications.values() if n.status == enums_pb2.FAILED]

    def _set_paused(self, request: Any, *, paused: bool) -> None:
        for state in self.book.providers.values():
            if request.provider == state.provider:
                state.paused = paused
            if request.channel == state.channel:
                state.channel_paused = paused


def _cell(status: int, hour: dt.datetime) -> pb.StatusCount:
    cell = pb.StatusCount(status=status, channel=enums_pb2.SMS, count=1, provider="twilio")
    cell.bucket_start.FromDatetime(hour)
    return cell
