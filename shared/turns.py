"""Heavy work in an event loop, one piece at a time, so that all that is light goes on between the pieces."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

#: Work that took less, s, is followed by the next at once.
LIGHT_SECONDS = 0.002


class Turns:
    """Gives turns to owners by rotation. After each piece the loop is free for as long as that took.

    So heavy work takes at most half of a process's time, whoever asks for how much of it, and nobody waits for more
    than one piece of each other owner.
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._taken = False

    async def take(self, owner: str, work: Callable[[], Result]) -> Result:
        """Does ``work``, which must not take long itself, when it is ``owner``'s turn; raises what it raises."""
        if self._taken:
            await self._wait(owner)
        self._taken = True
        began = time.perf_counter()
        try:
            return work()
        finally:
            self._end(time.perf_counter() - began)

    async def _wait(self, owner: str) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it came, and is not used
                self._next()
            raise

    def _end(self, took: float) -> None:
        if took < LIGHT_SECONDS:
            self._next()
        else:
            asyncio.get_running_loop().call_later(took, self._next)

    def _next(self) -> None:
        while self._waiting:
            owner, waiting = self._waiting.popitem(last=False)
            turn = waiting.popleft()
            if waiting:
                self._waiting[owner] = waiting
            if not turn.done():
                turn.set_result(None)
                return
        self._taken = False
