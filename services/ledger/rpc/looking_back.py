"""Notifications that receipts were of, looked up afterwards: no receipt waits for what is only observed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from services.ledger.read.reader import Notification, Reader
from services.ledger.rules.delivery import Ref
from shared.errors import PulseError
from shared.observe.logs import logger

log = logger(__name__)


class LookingBack:
    """Reads them in the background. Those that cannot be had are left out, and that is logged."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._reading: set[asyncio.Task[None]] = set()

    def look_up(self, refs: Sequence[Ref], then: Callable[[Sequence[Notification]], None]) -> None:
        """Has ``then`` called with them, soon. Returns at once."""
        if refs:
            task = asyncio.create_task(self._look_up(refs, then))
            self._reading.add(task)
            task.add_done_callback(self._reading.discard)

    async def _look_up(self, refs: Sequence[Ref], then: Callable[[Sequence[Notification]], None]) -> None:
        try:
            found = [await self._reader.get(ref) for ref in refs]
        except PulseError as error:
            log.warning("receipts not observed", reason=error.reason, count=len(refs))
            return
        then([one for one in found if one is not None])
