"""The one stream by which this process hears from the ledger, however much is watched."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

import grpc.aio

from services.gateway.api.follow_wire import NOTIFICATIONS, FollowWire
from services.gateway.api.watch import Ref, Watch
from shared.errors import Code, PulseError
from shared.observe.logs import logger

log = logger(__name__)

#: Streams in a row that broke soon, before all watches are given up: about 15 s.
MOST_FAILURES = 8
#: The pause before the first new stream is up to this; it doubles from one to the next, s.
BASE_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
#: A stream that lasted so long, s, was none that broke soon.
LASTING_S = 10.0
#: References named in one message.
_AT_ONCE = 1_000

Key = TypeVar("Key")


class Subscription:
    """Follows at the ledger, by ``method``, what is watched, and wakes those who watch it."""

    def __init__(self, method: Callable[..., Any], wire: FollowWire = NOTIFICATIONS) -> None:
        self._method = method
        self._wire = wire
        self._watches: dict[Ref, set[Watch]] = defaultdict(set)
        #: The last number known of each that is followed: of a notification, its last event's.
        self._known: dict[Ref, int] = {}
        #: What the ledger is to be told yet.
        self._new: set[Ref] = set()
        self._dropped: set[Ref] = set()
        self._any_change = asyncio.Event()
        self._failures = 0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Follows as soon as anything is watched."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Follows no more."""
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])

    @contextlib.contextmanager
    def followed(self, watch: Watch, last: int) -> Iterator[None]:
        """The watch is woken whenever there is an event behind ``last``, until the block ends."""
        ref, watch.is_followed = watch.ref, True
        self._watches[ref].add(watch)
        if ref in self._known:
            self._hear(ref, last)
        else:
            self._known[ref] = last
            self._new.add(ref)
            self._dropped.discard(ref)
            self._any_change.set()
        try:
            yield
        finally:
            self._watches[ref].discard(watch)
            if not self._watches[ref]:
                self._forget(ref)

    async def news(self, watch: Watch, last: int, following: contextlib.ExitStack) -> None:
        """As :meth:`beyond`; from the first time on the watch is followed, as long as ``following`` is open."""
        if not watch.is_followed:
            following.enter_context(self.followed(watch, last))
        await self.beyond(watch, last)

    async def beyond(self, watch: Watch, last: int) -> None:
        """Returns when there is an event behind ``last``; raises the reason why the watch is to end."""
        while self._known[watch.ref] <= last:
            await watch.wait()
        watch.check()

    def _forget(self, ref: Ref) -> None:
        del self._watches[ref], self._known[ref]
        self._new.discard(ref)
        self._dropped.add(ref)
        self._any_change.set()

    async def _run(self) -> None:
        while True:
            while not self._known:
                self._any_change.clear()
                await self._any_change.wait()
            began = time.monotonic()
            try:
                await self._listen()
            except Exception as error:  # whatever it was, no watch would hear anything any more without this loop
                self._note(error)
            if time.monotonic() - began > LASTING_S:
                self._failures = 0
            self._failures += 1
            if self._failures > MOST_FAILURES:
                self._give_up()
            await asyncio.sleep(pause(self._failures))

    async def _listen(self) -> None:
        """Until the stream ends."""
        call = self._method()
        telling = asyncio.create_task(self._tell(call))
        telling.add_done_callback(lambda _: call.cancel())
        try:
            async for response in call:
                self._failures = 0
                for ref, last in self._wire.changed(response):
                    self._hear(ref, last)
        finally:
            call.cancel()
            telling.cancel()
            await asyncio.wait([telling])

    async def _tell(self, call: Any) -> None:
        """Tells the ledger all that is followed, and then what changes in that."""
        self._new, self._dropped = set(self._known), set()
        while True:
            while self._new or self._dropped:
                new, dropped = _part(self._new), _part(self._dropped)
                await call.write(self._wire.request([(ref, self._known[ref]) for ref in new], dropped))
            self._any_change.clear()
            await self._any_change.wait()

    def _hear(self, ref: Ref, last: int) -> None:
        if last > self._known.get(ref, last):
            self._known[ref] = last
            for watch in self._watches[ref]:
                watch.wake()

    def _note(self, error: Exception) -> None:
        """Once for each time that the ledger is away."""
        if not self._failures:
            code = error.code().name if isinstance(error, grpc.aio.AioRpcError) else type(error).__name__
            log.warning("the ledger's stream of news broke; it is opened again", code=code)

    def _give_up(self) -> None:
        for watches in self._watches.values():
            for watch in watches:
                watch.end(away())


def pause(failures: int) -> float:
    """How long to wait after so many failures in a row, s: exponential back-off with full jitter."""
    most = BASE_PAUSE_S * 2 ** min(failures, 10)  # after hours of failures the power would fit no float
    return random.uniform(0, min(LONGEST_PAUSE_S, most))  # noqa: S311 -- no secret


def away() -> PulseError:
    """The ledger stays away."""
    return PulseError(
        Code.UNAVAILABLE,
        "UNAVAILABLE",
        "a part of Pulse cannot be reached just now",
        hint="go on after the last that you saw",
        retry_after=1.0,
    )


def _part(waiting: set[Key]) -> Sequence[Key]:
    """Up to so many of them, which wait no longer."""
    part = list(islice(waiting, _AT_ONCE))
    waiting.difference_update(part)
    return part
