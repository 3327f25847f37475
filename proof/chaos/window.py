"""Window: what a cell can see while it runs, to tell whether notifications stand where its phase wants them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable

import psycopg
import redis.exceptions

from proof.chaos import gathering
from proof.chaos.driver import Driver
from proof.chaos.evidence import Snapshot
from proof.chaos.suite import Suite
from proof.waiting import until
from shared.broker import QUEUES

STATUSES = """
SELECT d.notification_id::text, d.status::text FROM notifications n JOIN deliveries d USING (tenant_id, notification_id)
WHERE n.user_id LIKE %(users)s
"""
#: Between two looks, s.
POLL_S = 0.03
#: A phase that gains nobody for so long is full, s.
GROWTH_S = 0.15


class Window:
    """One cell's view of a suite. ``log_start`` is where the providers' log stood when the cell began."""

    def __init__(self, suite: Suite, driver: Driver, prefix: str, log_start: int) -> None:
        self.suite = suite
        self.driver = driver
        self.prefix = prefix
        self.log_start = log_start
        self.snapshots: list[Snapshot] = []

    async def filled(self, count: Callable[[], Awaitable[int]], patience_s: float) -> int:
        """Waits until ``count`` says more than 0 and no longer grows; what it said last."""
        deadline = time.monotonic() + patience_s
        seen = await until(count, patience_s, POLL_S)
        while seen and time.monotonic() < deadline:
            await asyncio.sleep(GROWTH_S)
            before, seen = seen, await count()
            if seen <= before:
                break
        return seen

    async def rows(self) -> dict[str, str]:
        """The status of each of the cell's notifications."""
        async with self.suite.database() as connection:
            cursor = await connection.execute(STATUSES, {"users": gathering.pattern(self.prefix)})
            return dict(await cursor.fetchall())

    async def standing(self, *statuses: str) -> int:
        """How many stand at one of ``statuses``."""
        found = Counter((await self.rows()).values())
        return sum(found[status] for status in statuses)

    async def sending(self, *, received: bool) -> int:
        """How many are SENDING of which a provider has, or has not, a receipt."""
        rows = await self.rows()
        have = self.receipts()
        return sum(status == "SENDING" and (one in have) is received for one, status in rows.items())

    async def unanswered(self) -> int:
        """How many are committed of which nobody has been told."""
        told = {one.notification_id for one in self.driver.journal.acknowledged}
        return len((await self.rows()).keys() - told)

    async def queued_tasks(self) -> int:
        """Tasks in the broker that no worker has taken."""
        async with self.suite.valkey() as client:
            return sum([await client.llen(queue) for queue in QUEUES.values()])

    async def taken_tasks(self) -> int:
        """Tasks that workers have taken and not acknowledged."""
        async with self.suite.valkey() as client:
            return int(await client.hlen("unacked"))

    def receipts(self) -> set[str]:
        """Ids of which a provider has a receipt by now."""
        found, _ = gathering.read_receipts(self.suite.receipt_log, self.log_start)
        return {receipt.notification_id for receipt in found}

    async def watch_books(self) -> None:
        """Takes snapshots of the ledger's books until cancelled; while PostgreSQL is away there are none."""
        journal = self.driver.journal
        while True:
            try:
                async with asyncio.timeout(5), self.suite.database() as connection:
                    before = len({one.notification_id for one in journal.acknowledged})
                    books = await gathering.books(connection, self.prefix)
                    self.snapshots.append(Snapshot(before, *books, len({(ask.to, ask.key) for ask in journal.asked})))
            except (psycopg.Error, TimeoutError, redis.exceptions.RedisError):
                await asyncio.sleep(POLL_S)
            await asyncio.sleep(0.2)
