"""Pace: a LOW worker claims as fast as it can, and in small bites with rests between them while HIGH is under way.

Both lanes share ledger, database and, on a small machine, its processors. What LOW leaves free there HIGH finds free.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

#: Refs at the most that one task claims at once while HIGH is under way.
BITE = 8
#: What the ledger said holds for so long, s; who has not heard from it lately takes a bite first.
_HOLDS = 1.0
#: A claim counts as this long at the most, s: an answer that was slow for another reason must not stop LOW.
_LONGEST_CLAIM = 0.022


class Pace:
    """``share`` (above 0 to 1) of the time goes to claims while HIGH is under way; with 1 the worker never yields."""

    def __init__(
        self,
        share: float,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._share = share
        self._monotonic = monotonic
        self._sleep = sleep
        self._free_until = 0.0
        self._one_at_a_time = asyncio.Lock()

    def chunk(self, most: int) -> int:
        """Refs to claim next, of ``most`` that may be."""
        return min(most, BITE) if self._yields() else most

    def turn(self) -> contextlib.AbstractAsyncContextManager[None]:
        """For one task's claim and the rest after it: one at a time while HIGH is under way."""
        return self._one_at_a_time if self._yields() else contextlib.nullcontext()

    async def claimed(self, seconds: float, *, high_under_way: bool) -> None:
        """A claim lasted ``seconds``, and its answer said whether HIGH is under way. Returns when the next may go."""
        if not high_under_way:
            self._free_until = self._monotonic() + _HOLDS
            return
        self._free_until = 0.0
        if self._yields():
            await self._sleep(min(seconds, _LONGEST_CLAIM) * (1 / self._share - 1))

    def _yields(self) -> bool:
        return self._share < 1 and self._monotonic() >= self._free_until
