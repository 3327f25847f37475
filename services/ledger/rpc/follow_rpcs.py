"""Following's part of LedgerReader: converts, calls, converts back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, TypeVar

from google.protobuf.message import Message

from pulse.ledger.v1 import ledger_reader_pb2 as pb
from pulse.ledger.v1 import ledger_reader_pb2_grpc, records_pb2
from services.ledger.read.timelines import Behind, TimelinePlace, Timelines
from services.ledger.read.watchers import Follower, Watchers
from services.ledger.rpc import pages, wire_reads
from services.ledger.rpc.service import named
from shared.errors import Code, PulseError
from shared.rpc.validation import check

Request = TypeVar("Request", bound=Message)


class FollowReads(ledger_reader_pb2_grpc.LedgerReaderServicer):
    """Tells what is new, and gives it."""

    _watchers: Watchers
    _timelines: Timelines
    #: Set when this ledger is about to stop.
    _closing: asyncio.Event

    async def FollowNotifications(
        self, requests: AsyncIterator[pb.FollowNotificationsRequest], context: Any
    ) -> AsyncIterator[pb.FollowNotificationsResponse]:
        async for changed in followed(self._watchers, requests, _take, self._closing):
            yield pb.FollowNotificationsResponse(changed=_places(changed))

    async def GetEvents(self, request: pb.GetEventsRequest, context: Any) -> pb.GetEventsResponse:
        check(request)
        found = await self._timelines.behind([_place(one) for one in request.wanted])
        # An equal share for each: whose timeline is long takes nothing from others.
        share = pages.MOST_BYTES // len(found)
        return pb.GetEventsResponse(results=[_result(one, share) for one in found])


async def followed(
    watchers: Watchers,
    requests: AsyncIterator[Request],
    take: Callable[[Request, Follower], None],
    closing: asyncio.Event,
) -> AsyncIterator[Sequence[TimelinePlace]]:
    """What changes in that which the requests name, until they end; ``take`` has a follower follow what one names.

    Raises UNAVAILABLE once ``closing`` is set.
    """
    with watchers.follower() as follower:
        ends = [asyncio.create_task(_taken(requests, take, follower)), asyncio.create_task(_left(closing))]
        for end in ends:
            end.add_done_callback(follower.end_with)
        try:
            async for changed in follower.news():
                yield changed
        finally:
            for end in ends:
                end.cancel()


async def _taken(
    requests: AsyncIterator[Request], take: Callable[[Request, Follower], None], follower: Follower
) -> None:
    async for request in requests:
        check(request)
        take(request, follower)


def _take(request: pb.FollowNotificationsRequest, follower: Follower) -> None:
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
