"""Timelines as the ledger tells them: followed by a stream, read by a call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from pulse.common.v1 import enums_pb2, notification_pb2
from pulse.ledger.v1 import ledger_reader_pb2 as pb
from pulse.ledger.v1 import ledger_reader_pb2_grpc

Ref = tuple[str, str]


class Timelines:
    """The events of notifications, and who follows them."""

    def __init__(self) -> None:
        self.events: dict[Ref, list[notification_pb2.TimelineEvent]] = {}
        self.at_rest: set[Ref] = set()
        #: What each open stream follows, and the last event that its caller knows.
        self.streams: list[dict[Ref, int]] = []
        self.streams_begun = 0
        self.questions: list[int] = []
        self.happened = asyncio.Condition()

    @property
    def followed(self) -> int:
        """Notifications that are followed now, over all streams."""
        return sum(len(followed) for followed in self.streams)

    def begin(self, ref: Ref) -> None:
        """Its first event, unless it has one."""
        first = notification_pb2.TimelineEvent(sequence=1, status=enums_pb2.QUEUED)
        self.events.setdefault(ref, [first])

    async def happen(self, ref: Ref, status: Any = enums_pb2.QUEUED, *, at_rest: bool = False) -> None:
        """One event more."""
        events = self.events[ref]
        events.append(notification_pb2.TimelineEvent(sequence=len(events) + 1, status=status))
        if at_rest:
            self.at_rest.add(ref)
        async with self.happened:
            self.happened.notify_all()

    def behind(self, followed: dict[Ref, int]) -> list[pb.TimelinePlace]:
        """The last event of each that has more than is known."""
        news = {ref: len(self.events.get(ref, ())) for ref, known in followed.items()}
        news = {ref: last for ref, last in news.items() if last > followed[ref]}
        followed |= news
        return [pb.TimelinePlace(ref=_message(ref), sequence=last) for ref, last in news.items()]


class TimelineReads(ledger_reader_pb2_grpc.LedgerReaderServicer):
    """The reader's part of it."""

    timelines: Timelines

    async def FollowNotifications(
        self, requests: AsyncIterator[pb.FollowNotificationsRequest], context: Any
    ) -> AsyncIterator[pb.FollowNotificationsResponse]:
        followed: dict[Ref, int] = {}
        self.timelines.streams.append(followed)
        self.timelines.streams_begun += 1
        taking = asyncio.create_task(self._take(requests, followed))
        try:
            while True:
                async with self.timelines.happened:
                    news = self.timelines.behind(followed)
                    if not news:
                        await self.timelines.happened.wait()
                if news:
                    yield pb.FollowNotificationsResponse(changed=news)
        finally:
            taking.cancel()
            self.timelines.streams[:] = [one for one in self.timelines.streams if one is not followed]

    async def _take(self, requests: Any, followed: dict[Ref, int]) -> None:
        async for request in requests:
            for ref in request.dropped:
                followed.pop(_ref(ref), None)
            followed |= {_ref(place.ref): place.sequence for place in request.followed}
            async with self.timelines.happened:
                self.timelines.happened.notify_all()

    async def GetEvents(self, request: Any, context: Any) -> pb.GetEventsResponse:
        self.timelines.questions.append(len(request.wanted))
        return pb.GetEventsResponse(results=[self._behind(place) for place in request.wanted])

    def _behind(self, place: pb.TimelinePlace) -> pb.NotificationEvents:
        ref = _ref(place.ref)
        events = self.timelines.events.get(ref, [])
        at_rest = ref in self.timelines.at_rest
        return pb.NotificationEvents(events=events[place.sequence :][:50], last_sequence=len(events), at_rest=at_rest)


def _ref(message: Any) -> Ref:
    return message.tenant_id, message.notification_id


def _message(ref: Ref) -> dict[str, str]:
    return {"tenant_id": ref[0], "notification_id": ref[1]}
