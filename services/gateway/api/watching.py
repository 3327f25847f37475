"""Watches of notifications: each reads its own events, all hear by one stream that there are any."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from pulse.common.v1 import notification_pb2
from pulse.ledger.v1 import ledger_reader_pb2 as pb
from services.gateway.api import subscription
from services.gateway.api.subscription import Subscription, to_ref
from services.gateway.api.watch import Ref, Watch
from services.gateway.door.auth import Caller
from services.gateway.door.headers import Headers
from services.gateway.door.watch_quota import WatchQuota
from services.gateway.peers import ask
from shared.errors import Code, PulseError, not_found
from shared.gather import Gatherer
from shared.repeating import repeat

if TYPE_CHECKING:
    from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderAsyncStub

#: How often each watch is looked at, s: whether its credential still holds, and how old it is.
CHECK_S = 2.0
#: Watches looked at before others have their turn.
_AT_ONCE = 100
#: Places in one question to the ledger.
_PLACES = 100
#: Part of the longest age by which ages differ, so that what began together does not end together.
_SPREAD = 0.1
#: How a call ends when its connection does, or its server: it tells nothing of the notification.
BROKEN = (Code.UNAVAILABLE, Code.CANCELLED, Code.DEADLINE_EXCEEDED)

Event = notification_pb2.TimelineEvent
#: Raises what keeps a caller who says this from reading.
Admit = Callable[[Headers], object]


class Watching:
    """All watches of this process. ``longest``: their age at the most, s. They end when ``closing`` is set."""

    def __init__(
        self, reader: LedgerReaderAsyncStub, quota: WatchQuota, admit: Admit, longest: float, closing: asyncio.Event
    ) -> None:
        self._reader = reader
        self._subscription = Subscription(reader.FollowNotifications)
        self._quota = quota
        self._admit = admit
        self._longest = longest
        self._closing = closing
        self._open: set[Watch] = set()
        # One question at a time: however many watches have something to read, they take one call's room.
        self._reads: Gatherer[pb.TimelinePlace, pb.NotificationEvents] = Gatherer(
            self._ask, max_batch=_PLACES, max_waiting=quota.most.of_gateway
        )
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Looks after them from here on."""
        await self._subscription.start()
        looking = repeat("looking after watches", self._check, CHECK_S, first=CHECK_S)
        self._tasks = [asyncio.create_task(looking), asyncio.create_task(self._leave())]

    async def stop(self) -> None:
        """Looks after them no more; to be called when none is left."""
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        await self._subscription.stop()
        await self._reads.drain()

    async def events(self, caller: Caller, headers: Headers, ref: Ref, after: int) -> AsyncIterator[Event]:
        """What happens to a notification behind an event, each once and in order, until it is at rest.

        Raises :class:`shared.errors.PulseError`: NOT_FOUND; RESOURCE_EXHAUSTED for more watches than may be;
        UNAUTHENTICATED when the credential holds no longer; UNAVAILABLE when the watch is as old as may be, this
        process is about to stop or the ledger stays away.
        """
        with self._quota.taken(caller), self._opened(ref, headers) as watch, contextlib.ExitStack() as following:
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
                    await self._news(watch, found.last_sequence, following)
                found = await self._behind(watch, after)

    @contextlib.contextmanager
    def _opened(self, ref: Ref, headers: Headers) -> Iterator[Watch]:
        # As if they had begun earlier by different times: those that begin together are not to end together.
        older = random.uniform(0, _SPREAD) * self._longest  # noqa: S311 -- no secret
        watch = Watch(ref, headers, time.monotonic() - older)
        self._open.add(watch)
        try:
            yield watch
        finally:
            self._open.discard(watch)

    async def _news(self, watch: Watch, last: int, following: contextlib.ExitStack) -> None:
        """Returns when there is an event behind the last one; followed from the first time on."""
        if not watch.is_followed:
            following.enter_context(self._subscription.followed(watch, last))
        await self._subscription.beyond(watch, last)

    async def _behind(self, watch: Watch, after: int) -> pb.NotificationEvents:
        """What is behind an event; asks again while the ledger is away, for about as long as it takes to start it."""
        failures = 0
        while True:
            watch.check()
            try:
                return await self._reads.submit(pb.TimelinePlace(ref=to_ref(watch.ref), sequence=after))
            except PulseError as error:
                failures += 1
                if error.code not in BROKEN or failures > subscription.MOST_FAILURES:
                    raise
            await watch.pause(subscription.pause(failures))

    async def _ask(self, wanted: Sequence[pb.TimelinePlace]) -> Sequence[pb.NotificationEvents]:
        return (await ask(self._reader.GetEvents, pb.GetEventsRequest(wanted=wanted))).results

    async def _leave(self) -> None:
        await self._closing.wait()
        for watch in self._open:
            watch.end(_interrupted())

    async def _check(self) -> None:
        """Ends each that is to end; what was told to end, and has not as its caller does not read, is cut off."""
        verdicts: dict[tuple[str, ...], PulseError | None] = {}
        for number, watch in enumerate(list(self._open), 1):
            if watch.is_ended:
                watch.cut_off()
            elif error := self._too_old(watch) or self._refused(watch.headers, verdicts):
                watch.end(error)
            if not number % _AT_ONCE:
                await asyncio.sleep(0)

    def _too_old(self, watch: Watch) -> PulseError | None:
        if time.monotonic() - watch.began < self._longest:
            return None
        return _interrupted()

    def _refused(self, headers: Headers, verdicts: dict[tuple[str, ...], PulseError | None]) -> PulseError | None:
        """Why the caller may not read any more; each credential is looked at once a round."""
        credential = (*headers.authorization, "", *headers.api_key)
        if credential not in verdicts:
            try:
                self._admit(headers)
                verdicts[credential] = None
            except PulseError as error:
                verdicts[credential] = error
        return verdicts[credential]


def _interrupted() -> PulseError:
    return PulseError(
        Code.UNAVAILABLE,
        "WATCH_INTERRUPTED",
        "the notification has not come to rest, but this server has to end the stream",
        hint="watch again after the last sequence that you saw",
        retry_after=1.0,
    )
