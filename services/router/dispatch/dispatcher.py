"""The dispatcher: draws what is due from the ledger while a lane's window has room, and has it published."""

from __future__ import annotations

import asyncio
import contextlib
import math

from services.router.dispatch.publisher import Publisher
from services.router.dispatch.throughput import Throughput
from services.router.dispatch.window import Window
from services.router.ledger import Drawn, Ledger
from services.router.outage import Outage
from shared.errors import PulseError
from shared.lane.names import Lane
from shared.observe.tracebacks import kind
from shared.rpc import deadlines

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
        throughput: Throughput,
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
        self._throughput = throughput
        self._chunk = chunk
        self._redispatch_after = redispatch_after
        self._sweep = sweep
        self._poll = poll
        self._woken = asyncio.Event()
        self._more = False  # is known to be due, and was not drawn
        self._left = False  # was left to the ledger since the last draw began
        self._held = False  # likewise, for a bounded provider
        self._stopping = False
        self.outage = Outage(f"ledger ({lane.value})", "nothing is dispatched")

    def bounded(self, provider: str) -> bool:
        """Whether what goes to ``provider`` first must lie in the ledger until it may be given more."""
        return self._throughput.bounded(provider)

    def wake(self) -> None:
        """Something is due that nobody has published."""
        self._left = True
        self._woken.set()

    def wake_for_bounded(self) -> None:
        """Something is due for a bounded provider. Others need not wait for it, nor is it drawn before its time."""
        self._held = True
        self._look_for_held()

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
                    await asyncio.wait_for(self._woken.wait(), self._pause())
            else:
                await asyncio.sleep(self._poll if drawn else self._sweep)

    @property
    def backlog(self) -> bool:
        """Whether more is known to be due than has been drawn."""
        return self._more or self._left

    def _pause(self) -> float:
        """Until the next sweep, or until a provider may be given more."""
        return min(max(self._throughput.wait(self._lane), self._poll), self._sweep)

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
        self._left = self._held = False
        try:
            drawn = await self._draw_allowed(reserved)
        except Exception as error:
            self._more = True  # what woke this draw is still due
            self.outage.failed(error.reason if isinstance(error, PulseError) else kind(error))
            if not isinstance(error, PulseError):
                raise
            return False
        else:
            reserved -= len(drawn.refs)
        finally:
            self._window.release(reserved)
        self.outage.worked()
        self._more = drawn.more
        self._publisher.put(drawn.refs)
        self._look_for_held()
        return True

    def _look_for_held(self) -> None:
        """Has a draw made at once for what is held, unless all that its provider may be given now is used up."""
        if self._held and math.isinf(self._throughput.wait(self._lane)):
            self._woken.set()

    async def _draw_allowed(self, limit: int) -> Drawn:
        """What bounded providers may be given is taken before: after a draw that failed it counts as used."""
        tokens = await self._throughput.take(self._lane, limit)
        allowances = {taken.provider: taken.count for taken in tokens}
        drawn = await self._ledger.draw(self._lane, limit, self._redispatch_after, allowances)
        await self._throughput.settle(self._lane, tokens, drawn.used)
        return drawn
