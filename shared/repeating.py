"""Loops that go on: what is raised in one is said once, and it tries again, ever less often while it fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NoReturn

from shared.errors import PulseError
from shared.observe.logs import logger
from shared.observe.tracebacks import kind

#: Longest pause after an error, s, unless the loop's own is longer.
LONGEST_PAUSE = 30.0

log = logger(__name__)


class Faults:
    """What went wrong in one loop, and how long it rests: ``pause`` s at first, twice as long after each further error.

    An error is logged when it is another kind than the last, so that one that lasts fills no log.
    """

    def __init__(self, what: str, pause: float) -> None:
        self._what = what
        self._first = self._pause = pause
        self._last = ""

    def failed(self, error: Exception) -> float:
        """Takes an error that nobody foresaw; gives the time to rest, s."""
        told = error.reason if isinstance(error, PulseError) else kind(error)
        if told != self._last:
            # What a peer says is no fault of the loop: where it was raised tells nothing.
            trace = None if isinstance(error, PulseError) else error
            log.error("a loop failed and goes on", loop=self._what, reason=told, exc_info=trace)
        self._last = told
        pause = self._pause
        self._pause = min(pause * 2, max(self._first, LONGEST_PAUSE))
        return pause

    def worked(self) -> None:
        """The loop did what it is there for."""
        if self._last:
            log.info("a loop works again", loop=self._what)
        self._last, self._pause = "", self._first


async def repeat(what: str, once: Callable[[], Awaitable[object]], seconds: float, *, first: float = 0.0) -> NoReturn:
    """Awaits ``once`` until cancelled: after ``first`` s, and then with ``seconds`` between two times."""
    faults = Faults(what, seconds)
    await asyncio.sleep(first)
    while True:
        try:
            await once()
        except Exception as error:
            await asyncio.sleep(faults.failed(error))
        else:
            faults.worked()
            await asyncio.sleep(seconds)


async def keep_running(what: str, run: Callable[[], Awaitable[None]], pause: float) -> None:
    """Awaits ``run``, a loop of its own, again and again until it returns."""
    faults = Faults(what, pause)
    while True:
        begun = time.monotonic()
        try:
            return await run()
        except Exception as error:
            if time.monotonic() - begun > LONGEST_PAUSE:
                faults.worked()
            await asyncio.sleep(faults.failed(error))
