"""The feed's part of LedgerReader: converts, calls, converts back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from pulse.ledger.v1 import ledger_reader_pb2 as pb
from pulse.ledger.v1 import ledger_reader_pb2_grpc
from services.ledger.postgres import tenancy
from services.ledger.read.feed.feed import Feed
from services.ledger.read.timelines import TimelinePlace
from services.ledger.read.walks import LONGEST
from services.ledger.read.watchers import Follower, Watchers
from services.ledger.rpc import pages
from services.ledger.rpc.feed import wire_feed
from services.ledger.rpc.follow_rpcs import followed
from shared.rpc.validation import check

#: Rows that are looked at for one of many feeds.
_SHORT_WALK = 1_000


class FeedReads(ledger_reader_pb2_grpc.LedgerReaderServicer):
    """Gives feeds, and tells which have something new."""

    _feed: Feed
    _feed_watchers: Watchers
    #: Set when this ledger is about to stop.
    _closing: asyncio.Event

    async def ListEvents(self, request: pb.ListEventsRequest, context: Any) -> pb.ListEventsResponse:
        check(request)
        return await self._page(request, pages.MOST_BYTES, LONGEST, beside_others=False)

    async def GetFeeds(self, request: pb.GetFeedsRequest, context: Any) -> pb.GetFeedsResponse:
        check(request)
        share = pages.MOST_BYTES // len(request.wanted)
        results = []
        for wanted in request.wanted:
            with tenancy.tenants([wanted.tenant_id]):
                results.append(await self._page(wanted, share, _SHORT_WALK, beside_others=True))
        return pb.GetFeedsResponse(results=results)

    async def FollowFeeds(
        self, requests: AsyncIterator[pb.FollowFeedsRequest], context: Any
    ) -> AsyncIterator[pb.FollowFeedsResponse]:
        async for changed in followed(self._feed_watchers, requests, _take, self._closing):
            places = [pb.FeedPlace(tenant_id=tenant, transaction=last) for (tenant, _), last in changed]
            yield pb.FollowFeedsResponse(changed=places)

    async def _page(
        self, request: pb.ListEventsRequest, room: int, walk: int, *, beside_others: bool
    ) -> pb.ListEventsResponse:
        """With events that take no more than ``room`` bytes, one at the least."""
        page = pb.ListEventsResponse(next_after=request.after)
        asked = wire_feed.asked_of(request, walk)
        async with aclosing(self._feed.steps(asked, beside_others=beside_others)) as steps:
            async for step in steps:
                for found in step.events:
                    event = wire_feed.event(found)
                    room -= event.ByteSize()
                    if len(page.events) == request.page_size or (page.events and room < 0):
                        return page
                    page.events.append(event)
                    page.next_after = event.position
                page.next_after, page.at_end = str(step.end), step.at_end
                page.last_transaction = step.horizon - 1 if step.at_end else 0
        return page


def _take(request: pb.FollowFeedsRequest, follower: Follower) -> None:
    follower.drop((tenant, "") for tenant in request.dropped)
    follower.follow(TimelinePlace((place.tenant_id, ""), place.transaction) for place in request.followed)
