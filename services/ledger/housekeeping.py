"""What the ledger does on the side: partitions for the coming weeks, and old keys deleted."""

from __future__ import annotations

import asyncio

from psycopg import Error

from services.ledger import partitions, sql
from services.ledger.config import LedgerSettings
from services.ledger.partitions import Partition
from services.ledger.postgres import Connection, Postgres
from shared.clock import Clock
from shared.errors import PulseError
from shared.logs import logger

log = logger(__name__)

#: Keys deleted by one statement: few enough not to hold anybody up.
_PURGE_BATCH = 5_000


class Housekeeping:
    """Runs at start and then every so often, until stopped."""

    def __init__(self, postgres: Postgres, clock: Clock, settings: LedgerSettings) -> None:
        self._postgres = postgres
        self._clock = clock
        self._settings = settings
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def once(self) -> None:
        """Makes missing partitions and deletes the keys that have expired."""
        await self._postgres.write(self._make_partitions)
        while await self._postgres.write(self._purge) == _PURGE_BATCH:
            pass

    async def _run(self) -> None:
        while True:
            try:
                await self.once()
            except (Error, PulseError) as error:
                # Nothing depends on it today: rows without a partition of their own go to the default one.
                log.warning("housekeeping failed", error=type(error).__name__)
            await asyncio.sleep(self._settings.ledger_housekeeping_seconds)

    async def _make_partitions(self, connection: Connection) -> None:
        for partition in partitions.weeks(self._clock.now(), self._settings.ledger_weeks_ahead):
            question = await connection.execute(partitions.missing(partition.table), partition._asdict(), prepare=False)
            if await question.fetchone() == (True,):
                await self._make(connection, partition)

    async def _make(self, connection: Connection, partition: Partition) -> None:
        async with connection.transaction():
            # Whoever writes queues up behind a waiting table lock: better to try again next time than to wait long.
            await connection.execute("SET LOCAL lock_timeout = '500ms'")
            await connection.execute(partitions.create(partition), prepare=False)
        log.info("partition made", partition=partition.name)

    async def _purge(self, connection: Connection) -> int:
        parameters = {"before": self._clock.now(), "limit": _PURGE_BATCH}
        return (await connection.execute(sql.PURGE_KEYS, parameters)).rowcount
