"""Reading and rendering what tenants wrote: in turns, and no longer than the caller waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from shared.errors import Code, PulseError
from shared.rpc import deadlines
from shared.turns import Turns

Result = TypeVar("Result")


class HeavyWork:
    """One piece at a time in a process, each of some 50 ms at most, tenants in rotation."""

    def __init__(self) -> None:
        self._turns = Turns()

    async def do(self, tenant_id: str, piece: Callable[[], Result]) -> Result:
        """Does ``piece``; DEADLINE_EXCEEDED if its turn does not come before the call's deadline."""
        try:
            async with asyncio.timeout(deadlines.remaining()):
                return await self._turns.take(tenant_id, piece)
        except TimeoutError:
            raise PulseError(Code.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "no answer before the deadline") from None
