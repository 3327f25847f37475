"""The ledger's time: PostgreSQL's, so that all ledgers have the same, whatever the clocks of their machines say.

Leases and due times outlive the process that set them. One set by a clock that is an hour ahead would hold up a
notification for an hour after the clock was put right.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections import deque
from collections.abc import Callable

from services.ledger.postgres.agreed_time import TOLERANCE, AskTime
from shared.clock import Clock, SystemClock
from shared.observe.logs import logger
from shared.repeating import repeat

#: How often PostgreSQL is asked, s.
ASK_SECONDS = 10.0
#: A jump of PostgreSQL's own clock is believed once it has been seen this often in a row: one that soon goes back has
#: set no times.
BELIEVED_AFTER = 30
#: How many answers are compared. Few, as the two clocks also drift apart: 0.5 ms a second at the most (NTP's bound).
ANSWERS = 6

log = logger(__name__)


class DatabaseClock:
    """PostgreSQL's time, carried on by this machine's monotonic clock; before the first answer, this machine's own.

    An answer tells a time that was right a moment before it came, so each makes the clock late by an unknown wait, and
    none makes it early: of the last answers the one that came quickest counts.
    """

    def __init__(
        self,
        ask: AskTime,
        machine: Clock | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        seconds: float = ASK_SECONDS,
    ) -> None:
        self._ask = ask
        self._machine = machine or SystemClock()
        self._monotonic = monotonic
        self._seconds = seconds
        #: PostgreSQL's time, as Unix seconds, when the monotonic clock was at 0: as each of the last answers has it.
        self._origins: deque[float] = deque(maxlen=ANSWERS)
        self._origin: float | None = None
        self._jumps = 0
        self._task: asyncio.Task[None] | None = None
        #: By how much this machine's own clock is ahead, s, when last compared.
        self.machine_ahead = 0.0

    def now(self) -> dt.datetime:
        if self._origin is None:
            return self._machine.now()
        return dt.datetime.fromtimestamp(self._origin + self._monotonic(), dt.UTC)

    async def start(self) -> None:
        """Asks for the first time, and from then on again and again. Raises UNAVAILABLE if it gets no answer."""
        await self.ask_once()
        if abs(self.machine_ahead) > TOLERANCE.total_seconds():
            log.error("this machine's clock is not PostgreSQL's", ahead_seconds=round(self.machine_ahead, 1))
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Asks no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def ask_once(self) -> None:
        """Takes PostgreSQL's time, unless it has jumped just now."""
        told = await self._ask()
        origin = told.timestamp() - self._monotonic()
        self.machine_ahead = (self._machine.now() - told).total_seconds()
        if self._origin is not None and abs(origin - self._origin) > TOLERANCE.total_seconds():
            self._jumps += 1
            if self._jumps < BELIEVED_AFTER:
                log.error("PostgreSQL's clock has jumped; the time goes on without it", times=self._jumps)
                return
            self._origins.clear()
        self._jumps = 0
        self._origins.append(origin)
        self._origin = max(self._origins)

    async def _run(self) -> None:
        """Where PostgreSQL cannot be asked the time goes on."""
        await repeat("asking PostgreSQL for the time", self.ask_once, self._seconds, first=self._seconds)
