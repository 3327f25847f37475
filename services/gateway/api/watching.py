"""Watches of notifications: each reads its own events, all hear by one stream that there are any."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from pulse.common.v1 import notification_pb2
from pulse.ledger.v1 import ledger_reader_pb2 as pb
from services.gateway.api.follow_wire import to_ref
from services.gateway.api.open_watches import OpenWatches, patiently
from services.gateway.api.subscription import Subscription
from services.gateway.api.watch import Ref, Watch
from services.gateway.door.auth import Caller
from services.gateway.door.headers import Headers
from services.gateway.peers import ask
from shared.errors import not_found
from shared.gather import Gatherer

if TYPE_CHECKING:
    from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderAsyncStub

#: Places in one question to the ledger.
_PLACES = 100

Event = notification_pb2.TimelineEvent


class Watching:
    """All watches of notifications in this process."""

    def __init__(self, reader: LedgerReaderAsyncStub, watches: OpenWatches) -> None:
        self._reader = reader
        self._watches = watches
        self._subscription = Subscription(reader.FollowNotifications)
        # One question at a time: however many watches have something to read, they take one call's room.
        self._reads: Gatherer[pb.TimelinePlace, pb.NotificationEvents] = Gatherer(
            self._ask, max_batch=_PLACES, max_waiting=watches.quota.most.of_gateway
        )

    async def start(self) -> None:
        """Hears from the ledger from here on."""
        await self._subscription.start()

    async def stop(self) -> None:
        """Hears no more; to be called when no watch is left."""
        await self._subscription.stop()
        await self._reads.drain()

    async def events(self, caller: Caller, headers: Headers, ref: Ref, after: int) -> AsyncIterator[Event]:
        """What happens to a notification behind an event, each once and in order, until it is at rest.

        Raises :class:`shared.errors.PulseError`: NOT_FOUND; RESOURCE_EXHAUSTED for more watches than may be;
        UNAUTHENTICATED when the credential holds no longer; UNAVAILABLE when the watch is as old as may be, this
        process is about to stop or the ledger stays away.
        """
        with self._watches.opened(caller, headers, ref) as watch, contextlib.ExitStack() as following:
            found = await self._behind(watch, after)
            if not found.last_sequence:
                raise not_found("NOTIFICATION", ref[1])
            while found.last_sequence:
                for event in found.events:
                    watch.check()
                    yield event
                    after = event.sequence
                if found.last_sequence <= after:
                    if found.at_rest:
                        return
                    await self._subscription.news(watch, found.last_sequence, following)
                found = await self._behind(watch, after)

    async def _behind(self, watch: Watch, after: int) -> pb.NotificationEvents:
        place = pb.TimelinePlace(ref=to_ref(watch.ref), sequence=after)
        return await patiently(watch, lambda: self._reads.submit(place))

    async def _ask(self, wanted: Sequence[pb.TimelinePlace]) -> Sequence[pb.NotificationEvents]:
        return (await ask(self._reader.GetEvents, pb.GetEventsRequest(wanted=wanted))).results
