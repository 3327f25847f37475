"""Following's part of LedgerReader: converts, calls, converts back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from pulse.ledger.v1 import ledger_reader_pb2 as pb
from pulse.ledger.v1 import ledger_reader_pb2_grpc, records_pb2
from services.ledger.read.timelines import Behind, TimelinePlace, Timelines
from services.ledger.read.watchers import Follower, Watchers
from services.ledger.rpc import pages, wire_reads
from services.ledger.rpc.service import named
from shared.errors import Code, PulseError
from shared.rpc.validation import check


class FollowReads(ledger_reader_pb2_grpc.LedgerReaderServicer):
    """Tells what is new, and gives it."""

    _watchers: Watchers
    _timelines: Timelines
    #: Set when this ledger is about to stop.
    _closing: asyncio.Event

    async def FollowNotifications(
        self, requests: AsyncIterator[pb.FollowNotificationsRequest], context: Any
    ) -> AsyncIterator[pb.FollowNotificationsResponse]:
        with self._watchers.follower() as follower:
            ends = [asyncio.create_task(_take(requests, follower)), asyncio.create_task(_left(self._closing))]
            for end in ends:
                end.add_done_callback(follower.end_with)
            try:
                async for changed in follower.news():
                    yield pb.FollowNotificationsResponse(changed=_places(changed))
            finally:
                for end in ends:
                    end.cancel()

    async def GetEvents(self, request: pb.GetEventsRequest, context: Any) -> pb.GetEventsResponse:
        check(request)
        found = await self._timelines.behind([_place(one) for one in request.wanted])
        # An equal share for each: whose timeline is long takes nothing from others.
        share = pages.MOST_BYTES // len(found)
        return pb.GetEventsResponse(results=[_result(one, share) for one in found])


async def _take(requests: AsyncIterator[pb.FollowNotificationsRequest], follower: Follower) -> None:
    async for request in requests:
        check(request)
        follower.drop([named(ref) for ref in request.dropped])
        follower.follow([_place(one) for one in request.followed])


async def _left(closing: asyncio.Event) -> None:
    await closing.wait()
    raise PulseError(Code.UNAVAILABLE, "LEAVING", "this ledger is about to stop", hint="follow at another")


def _place(message: pb.TimelinePlace) -> TimelinePlace:
    """Raises NOT_FOUND for what can name no notification."""
    return TimelinePlace(named(message.ref), message.sequence)


def _places(places: Sequence[TimelinePlace]) -> Iterator[pb.TimelinePlace]:
    for (tenant, id_), sequence in places:
        ref = records_pb2.NotificationRef(tenant_id=tenant, notification_id=id_)
        yield pb.TimelinePlace(ref=ref, sequence=sequence)


def _result(behind: Behind, room: int) -> pb.NotificationEvents:
    """With the events that begin within ``room`` bytes, one at the least: the one that crosses its end is the last."""
    trace_id = wire_reads.trace_id(behind.traceparent)
    result = pb.NotificationEvents(last_sequence=behind.last_sequence, at_rest=behind.at_rest)
    for happening in behind.happenings:
        if room <= 0:
            break
        event = wire_reads.happening(happening, trace_id)
        room -= event.ByteSize()
        result.events.append(event)
    return result
