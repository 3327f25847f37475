"""The watches that are open, of whatever: how many there may be, and what ends them."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from services.gateway.api import subscription
from services.gateway.api.watch import Ref, Watch
from services.gateway.door.auth import Caller
from services.gateway.door.headers import Headers
from services.gateway.door.watch_quota import WatchQuota
from shared.errors import Code, PulseError
from shared.repeating import repeat

#: How often each watch is looked at, s: whether its credential still holds, and how old it is.
CHECK_S = 2.0
#: Watches looked at before others have their turn.
_AT_ONCE = 100
#: Part of the longest age by which ages differ, so that what began together does not end together.
_SPREAD = 0.1
#: How a call ends when its connection does, or its server: it tells nothing of what is watched.
BROKEN = (Code.UNAVAILABLE, Code.CANCELLED, Code.DEADLINE_EXCEEDED)

Answer = TypeVar("Answer")
#: Raises what keeps a caller who says this from reading.
Admit = Callable[[Headers], object]


class OpenWatches:
    """All watches of this process. ``longest``: their age at the most, s. They end when ``closing`` is set."""

    def __init__(self, quota: WatchQuota, admit: Admit, longest: float, closing: asyncio.Event) -> None:
        self.quota = quota
        self._admit = admit
        self._longest = longest
        self._closing = closing
        self._open: set[Watch] = set()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Looks after them from here on."""
        looking = repeat("looking after watches", self._check, CHECK_S, first=CHECK_S)
        self._tasks = [asyncio.create_task(looking), asyncio.create_task(self._leave())]

    async def stop(self) -> None:
        """Looks after them no more; to be called when none is left."""
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)

    @contextlib.contextmanager
    def opened(self, caller: Caller, headers: Headers, ref: Ref) -> Iterator[Watch]:
        """One more, until the block ends; RESOURCE_EXHAUSTED if there would be more than may be."""
        # As if they had begun earlier by different times: those that begin together are not to end together.
        older = random.uniform(0, _SPREAD) * self._longest  # noqa: S311 -- no secret
        watch = Watch(ref, headers, time.monotonic() - older)
        with self.quota.taken(caller):
            self._open.add(watch)
            try:
                yield watch
            finally:
                self._open.discard(watch)

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


async def patiently(watch: Watch, ask: Callable[[], Awaitable[Answer]], *more: Code) -> Answer:
    """The ledger's answer; asked again while it is away, for about as long as it takes to start it.

    Also if it answers by one of the codes ``more``. Raises what else it answers, and why the watch is to end.
    """
    failures = 0
    while True:
        watch.check()
        try:
            return await ask()
        except PulseError as error:
            failures += 1
            if error.code not in (*BROKEN, *more) or failures > subscription.MOST_FAILURES:
                raise
        await watch.pause(subscription.pause(failures))


def _interrupted() -> PulseError:
    return PulseError(
        Code.UNAVAILABLE,
        "WATCH_INTERRUPTED",
        "the stream is not at its end, but this server has to end it",
        hint="go on after the last that you saw",
        retry_after=1.0,
    )
