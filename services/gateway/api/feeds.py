"""Streams of tenants' feeds: who is at the end reads together with all others there, and hears by one stream."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from pulse.gateway.v1 import event_service_pb2 as api
from pulse.ledger.v1 import ledger_reader_pb2 as pb
from services.gateway.api.follow_wire import FEEDS
from services.gateway.api.open_watches import OpenWatches, patiently
from services.gateway.api.subscription import Subscription
from services.gateway.door.auth import Caller
from services.gateway.door.headers import Headers
from services.gateway.peers import ask
from shared.errors import Code
from shared.gather import Gatherer

if TYPE_CHECKING:
    from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderAsyncStub

#: Feeds in one question to the ledger.
_FEEDS = 20
#: Events in one answer: a caller who does not read holds no more than these.
_EVENTS = 100


class FeedPart(NamedTuple):
    """What is wanted: streams that want the same are answered together."""

    tenant_id: str
    after: str
    types: tuple[str, ...]

    def request(self) -> pb.ListEventsRequest:
        """Asks for it."""
        return pb.ListEventsRequest(
            tenant_id=self.tenant_id, after=self.after, event_types=self.types, page_size=_EVENTS
        )


class Feeds:
    """All streams of feeds in this process."""

    def __init__(self, reader: LedgerReaderAsyncStub, watches: OpenWatches) -> None:
        self._reader = reader
        self._watches = watches
        self._subscription = Subscription(reader.FollowFeeds, FEEDS)
        # One question at a time, as watches of notifications ask.
        self._reads: Gatherer[FeedPart, pb.ListEventsResponse] = Gatherer(
            self._ask, max_batch=watches.quota.most.of_gateway, max_waiting=watches.quota.most.of_gateway
        )

    async def start(self) -> None:
        """Hears from the ledger from here on."""
        await self._subscription.start()

    async def stop(self) -> None:
        """Hears no more; to be called when no stream is left."""
        await self._subscription.stop()
        await self._reads.drain()

    async def events(
        self, caller: Caller, headers: Headers, after: str, types: Sequence[str]
    ) -> AsyncIterator[api.StreamEventsResponse]:
        """A feed behind a position, each event once and in order, without an end.

        Raises :class:`shared.errors.PulseError`: INVALID_ARGUMENT; RESOURCE_EXHAUSTED for more watches than may be;
        UNAUTHENTICATED when the credential holds no longer; UNAVAILABLE when the stream is as old as may be, this
        process is about to stop or the ledger stays away.
        """
        part, at_end = FeedPart(caller.tenant_id, after, tuple(types)), False
        ref = caller.tenant_id, ""
        with self._watches.opened(caller, headers, ref) as watch, contextlib.ExitStack() as following:
            while True:
                read = self._reads.submit if at_end else self._catch_up
                page = await patiently(watch, partial(read, part), Code.RESOURCE_EXHAUSTED)
                for event in page.events:
                    watch.check()
                    yield api.StreamEventsResponse(event=event, next_after=event.position)
                if not page.events:
                    yield api.StreamEventsResponse(next_after=page.next_after)
                part = part._replace(after=page.next_after)
                if page.at_end:
                    at_end = True
                    await self._subscription.news(watch, page.last_transaction, following)

    async def _catch_up(self, part: FeedPart) -> pb.ListEventsResponse:
        """By a question of its own, as lists are asked for: it takes its turn among its tenant's."""
        return await ask(self._reader.ListEvents, part.request())

    async def _ask(self, wanted: Sequence[FeedPart]) -> Sequence[pb.ListEventsResponse]:
        parts, found = list(dict.fromkeys(wanted)), dict[FeedPart, pb.ListEventsResponse]()
        for start in range(0, len(parts), _FEEDS):
            some = parts[start : start + _FEEDS]
            asked = pb.GetFeedsRequest(wanted=[part.request() for part in some])
            found |= zip(some, (await ask(self._reader.GetFeeds, asked)).results, strict=True)
        return [found[part] for part in wanted]
