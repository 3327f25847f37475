"""Feeds as the ledger tells them: followed by a stream, read page by page."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

from pulse.common.v1 import event_pb2
from pulse.ledger.v1 import ledger_reader_pb2 as pb
from pulse.ledger.v1 import ledger_reader_pb2_grpc
from shared.errors import Violation, invalid

NONE = "0" * 56


class Feed:
    """The events of tenants, each in a transaction of its own, and who follows them."""

    def __init__(self) -> None:
        self.events: dict[str, list[event_pb2.Event]] = defaultdict(list)
        #: What each open stream follows, and the last transaction that its caller knows.
        self.streams: list[dict[str, int]] = []
        self.streams_begun = 0
        #: Feeds in each question for many.
        self.questions: list[int] = []
        self.lists = 0
        self.happened = asyncio.Condition()
        self._last = 0

    @property
    def followed(self) -> int:
        """Feeds that are followed now, over all streams."""
        return sum(len(followed) for followed in self.streams)

    async def happen(self, tenant: str = "default", type_: str = "notification.sent") -> event_pb2.Event:
        """One event more."""
        self._last += 1
        event = event_pb2.Event(event_id=f"e-{self._last}", position=f"{self._last:016x}" + "0" * 40, type=type_)
        self.events[tenant].append(event)
        async with self.happened:
            self.happened.notify_all()
        return event

    def page(self, request: pb.ListEventsRequest, size: int) -> pb.ListEventsResponse:
        """As the ledger answers."""
        if request.after == "bad":
            raise invalid([Violation("after", "is no position of a feed")], "INVALID_POSITION")
        after = f"{self._last:016x}" + "0" * 40 if request.after == "latest" else request.after or NONE
        behind = [event for event in self.events[request.tenant_id] if event.position > after]
        part = behind[:size]
        types = request.event_types or [event.type for event in part]
        return pb.ListEventsResponse(
            events=[event for event in part if event.type in types],
            next_after=part[-1].position if part else after,
            at_end=len(part) == len(behind),
            last_transaction=self._last,
        )

    def news(self, followed: dict[str, int]) -> list[pb.FeedPlace]:
        """The last transaction of each feed that has more than is known."""
        last = {tenant: int(self.events[tenant][-1].position[:16], 16) for tenant in followed if self.events[tenant]}
        last = {tenant: number for tenant, number in last.items() if number > followed[tenant]}
        followed |= last
        return [pb.FeedPlace(tenant_id=tenant, transaction=number) for tenant, number in last.items()]


class FeedReads(ledger_reader_pb2_grpc.LedgerReaderServicer):
    """The reader's part of it."""

    feed: Feed

    async def ListEvents(self, request: pb.ListEventsRequest, context: Any) -> pb.ListEventsResponse:
        self.feed.lists += 1
        return self.feed.page(request, request.page_size)

    async def GetFeeds(self, request: pb.GetFeedsRequest, context: Any) -> pb.GetFeedsResponse:
        self.feed.questions.append(len(request.wanted))
        return pb.GetFeedsResponse(results=[self.feed.page(wanted, wanted.page_size) for wanted in request.wanted])

    async def FollowFeeds(
        self, requests: AsyncIterator[pb.FollowFeedsRequest], context: Any
    ) -> AsyncIterator[pb.FollowFeedsResponse]:
        followed: dict[str, int] = {}
        self.feed.streams.append(followed)
        self.feed.streams_begun += 1
        taking = asyncio.create_task(self._take_feeds(requests, followed))
        try:
            while True:
                async with self.feed.happened:
                    news = self.feed.news(followed)
                    if not news:
                        await self.feed.happened.wait()
                if news:
                    yield pb.FollowFeedsResponse(changed=news)
        finally:
            taking.cancel()
            self.feed.streams[:] = [one for one in self.feed.streams if one is not followed]

    async def _take_feeds(self, requests: Any, followed: dict[str, int]) -> None:
        async for request in requests:
            for tenant in request.dropped:
                followed.pop(tenant, None)
            followed |= {place.tenant_id: place.transaction for place in request.followed}
            async with self.feed.happened:
                self.feed.happened.notify_all()
