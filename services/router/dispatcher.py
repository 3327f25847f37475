"""The dispatcher: draws what is due from the ledger while a lane's window has room, and has it published."""

from __future__ import annotations

import asyncio
import contextlib

from services.router.lanes import Lane
from services.router.ledger import Ledger
from services.router.outage import Outage
from services.router.publisher import Publisher
from services.router.window import Window
from shared import deadlines
from shared.errors import PulseError

#: The contract's bound on one draw.
_MOST = 5_000


class Dispatcher:
    """Feeds one lane. Any number may run at once: the ledger gives each notification to one of them.

    ``sweep`` and ``poll`` are the pauses in s while nothing, or a backlog, is known to wait.
    """

    def __init__(
        self,
        lane: Lane,
        ledger: Ledger,
        window: Window,
        publisher: Publisher,
        *,
        chunk: int,
        redispatch_after: float,
        sweep: float,
        poll: float,
    ) -> None:
        self._lane = lane
        self._ledger = ledger
        self._window = window
        self._publisher = publisher
        self._chunk = chunk
        self._redispatch_after = redispatch_after
        self._sweep = sweep
        self._poll = poll
        self._woken = asyncio.Event()
        self._more = False
        self._stopping = False
        self.outage = Outage(f"ledger ({lane.value})", "nothing is dispatched")

    def wake(self) -> None:
        """Something is due that nobody has published."""
        self._woken.set()

    def reserve(self, wanted: int) -> int:
        """Room for up to ``wanted`` fresh notifications; none while older ones wait in the ledger for their turn."""
        return 0 if self.backlog else self._window.reserve(wanted)

    def release(self, count: int) -> None:
        """Gives back room that was reserved in vain."""
        self._window.release(count)

    def stop(self) -> None:
        """Lets :meth:`run` return once a draw under way has been handed on."""
        self._stopping = True
        self._woken.set()

    async def run(self) -> None:
        """Draws and has published until stopped."""
        while not self._stopping:
            if not await self._publisher.measure():
                await asyncio.sleep(self._sweep)
                continue
            drawn = await self._fill()
            if not self.backlog:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), self._sweep)
            else:
                await asyncio.sleep(self._poll if drawn else self._sweep)

    @property
    def backlog(self) -> bool:
        """Whether more is known to be due than has been drawn."""
        return self._more or self._woken.is_set()

    async def _fill(self) -> bool:
        """Draws until the window is full or nothing is due; False if the ledger cannot be reached.

        Half of the room is left for fresh notifications, which need no draw.
        """
        while not self._stopping and (room := self._window.room) >= self._chunk:
            if not await self._draw(min(max(room // 2, self._chunk), _MOST)):
                return False
            if not self.backlog:
                break
        return True

    async def _draw(self, limit: int) -> bool:
        deadlines.start(None)
        reserved = self._window.reserve(limit)
        self._woken.clear()
        try:
            drawn = await self._ledger.draw(self._lane, reserved, self._redispatch_after)
        except PulseError as error:
            self._more = True  # what woke this draw is still due
            self.outage.failed(error.reason)
            return False
        else:
            reserved -= len(drawn.refs)
        finally:
            self._window.release(reserved)
        self.outage.worked()
        self._more = drawn.more
        self._publisher.put(drawn.refs)
        return True
