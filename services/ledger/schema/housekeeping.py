"""Maintenance in the background of a ledger that serves."""

from __future__ import annotations

import asyncio

from services.ledger.schema.maintenance import Maintenance
from shared.repeating import repeat


class Housekeeping:
    """Runs at start and then every ``interval`` seconds, until stopped."""

    def __init__(self, maintenance: Maintenance, interval: float) -> None:
        self._maintenance = maintenance
        self._interval = interval
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        # Where it fails nothing depends on it today: rows without a partition of their own go to the default one.
        await repeat("housekeeping", self._maintenance.run, self._interval)
