"""Turns: no tenant uses more than its share of what is few."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from shared.errors import Code, PulseError, QuotaViolation
from shared.rpc import deadlines


class _Line:
    """The turns of one tenant, and how many have or await one."""

    def __init__(self, at_once: int) -> None:
        self.turns = asyncio.Semaphore(at_once)
        self.present = 0


class Turns:
    """Each tenant has ``at_once`` at a time; up to ``most_waiting`` more wait, in the order in which they came.

    ``most_waiting`` of None: as many as come.
    """

    def __init__(self, at_once: int, most_waiting: int | None = None) -> None:
        self._at_once = at_once
        self._most_waiting = most_waiting
        self._lines: dict[str, _Line] = {}

    @contextlib.asynccontextmanager
    async def turn(self, tenant: str) -> AsyncIterator[None]:
        """Begins when it is the tenant's turn.

        Raises RESOURCE_EXHAUSTED if too many of his wait, DEADLINE_EXCEEDED if his turn does not come in time.
        """
        line = self._lines.get(tenant) or self._lines.setdefault(tenant, _Line(self._at_once))
        if self._most_waiting is not None and line.present >= self._at_once + self._most_waiting:
            raise self._too_many(self._most_waiting)
        line.present += 1
        try:
            await _acquired(line.turns)
            try:
                yield
            finally:
                line.turns.release()
        finally:
            line.present -= 1
            if not line.present:
                del self._lines[tenant]

    @staticmethod
    def _too_many(most: int) -> PulseError:
        told = f"{most:,} lists, statistics and replays of this tenant wait already"
        return PulseError(
            Code.RESOURCE_EXHAUSTED,
            "TOO_MANY_SEARCHES",
            told,
            hint="ask for one page after the other",
            quotas=[QuotaViolation("searches_waiting", told, most)],
            retry_after=1.0,
        )


async def _acquired(turns: asyncio.Semaphore) -> None:
    try:
        async with asyncio.timeout(deadlines.remaining()):
            await turns.acquire()
    except TimeoutError:
        raise PulseError(Code.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "no answer before the deadline") from None
