"""What has to be done to the tables from time to time: weeks made ahead, weeks dropped at the end of retention, keys
forgotten. Of any number who try at once, one does it.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from psycopg import errors

from services.ledger.config import LedgerSettings
from services.ledger.move import digests
from services.ledger.outgoing import statements as outgoing
from services.ledger.postgres.agreed_time import AskTime, agreed_time, postgres_time
from services.ledger.postgres.postgres import Connection, Postgres
from services.ledger.read.feed import statements as feed
from services.ledger.schema import partitions, retention
from services.ledger.schema.partitions import Partition
from services.ledger.stores import attachment_store, price_store
from shared.clock import Clock
from shared.ids import time_floor
from shared.observe.logs import logger

log = logger(__name__)

#: The advisory lock by which one is chosen; any number nobody else uses.
_LOCK = 0x70756C7366
#: A digest that ended is deleted by whoever sends it; it is only left over after this.
_DIGEST_GRACE = dt.timedelta(days=1)
#: Rows deleted by one statement: few enough not to hold anybody up.
_BATCH = 5_000

# Keys that nobody asks for any more, counted up to a limit.
_EXPIRED_KEYS = """
SELECT count(*) FROM (SELECT FROM idempotency_keys WHERE expires_at <= %(before)s LIMIT %(limit)s) AS expired
"""

# Deletes some of them.
_PURGE_KEYS = """
DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM idempotency_keys WHERE expires_at <= %(before)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
"""

Result = TypeVar("Result")


class Busy(Exception):
    """Another is maintaining the tables."""


@dataclass
class Done:
    """What was done."""

    #: Names of partitions.
    made: list[str] = field(default_factory=list)
    #: Weeks, as in 2026w48, whose partitions were dropped.
    dropped: list[str] = field(default_factory=list)
    #: Weeks past the end of retention that stay, as somebody in them still waits, a table was in use, or
    #: to look through one took too long.
    kept: list[str] = field(default_factory=list)
    #: Notifications past the end of retention that had gone to the default partition.
    strays: int = 0
    #: Idempotency keys that had expired.
    keys: int = 0
    #: Digests that had ended without being sent.
    digests: int = 0
    #: Files whose time was over.
    attachments: int = 0
    #: Prices of attempts past retention, and sums of days long ago.
    prices: int = 0
    #: Events about no notification that were as old as notifications become.
    events: int = 0
    #: Deliveries of events to endpoints, likewise.
    event_deliveries: int = 0

    def __bool__(self) -> bool:
        return any(dataclasses.astuple(self))


@dataclass(frozen=True)
class Due:
    """What the next round would take away, counted up to its bounds."""

    #: Weeks whose partitions would be dropped.
    weeks: list[str]
    #: Idempotency keys that have expired.
    keys: int
    #: Digests that ended without being sent.
    digests: int


class Maintenance:
    """Safe at any time, beside any number of ledgers at work.

    What cannot be undone waits until PostgreSQL's clock (``ask_time``) and this process's agree, and little of it is
    done at a time: a clock that is wrong must not take the present away.
    """

    def __init__(
        self, postgres: Postgres, clock: Clock, settings: LedgerSettings, ask_time: AskTime | None = None
    ) -> None:
        self._postgres = postgres
        self._clock = clock
        self._ask_time = ask_time or postgres_time(postgres)
        self._weeks_ahead = settings.ledger_weeks_ahead
        self._retention = dt.timedelta(days=settings.ledger_retention_days)
        self._most_weeks = settings.ledger_weeks_dropped
        self._most_keys = settings.ledger_keys_purged

    async def run(self) -> Done | None:
        """Does what is to be done; None: another is at it.

        Raises UNAVAILABLE and, once what can be undone is done, FAILED_PRECONDITION.
        """
        done = Done()
        try:
            await self._make(done)
            await self._remove(done, await agreed_time(self._clock, self._ask_time))
        except Busy:
            return done or None
        finally:
            if done:
                log.info("tables maintained", **dataclasses.asdict(done))
        return done

    async def due(self) -> Due:
        """What :meth:`run` would take away now. Changes nothing; raises as it does."""
        now = await agreed_time(self._clock, self._ask_time)

        async def work(connection: Connection) -> Due:
            weeks = await retention.weeks_before(connection, now - self._retention)
            keys = await _counted(connection, _EXPIRED_KEYS, now, self._most_keys)
            ended = await _counted(connection, digests.ENDED, now - _DIGEST_GRACE, self._most_keys)
            return Due(weeks[: self._most_weeks], keys, ended)

        return await self._postgres.maintain(work)

    async def _make(self, done: Done) -> None:
        """By PostgreSQL's clock alone: a partition too many does no harm."""
        for partition in partitions.weeks(await self._ask_time(), self._weeks_ahead):
            if await self._alone(partial(_make, partition=partition)):
                done.made.append(partition.name)

    async def _remove(self, done: Done, now: dt.datetime) -> None:
        end = now - self._retention
        await self._drop_weeks(done, end)
        async for count in self._batches(retention.STRAYS, time_floor(end), end=end):
            done.strays += count
        for statement in retention.ORPHANS:
            async for _ in self._batches(statement, time_floor(end)):
                pass
        async for count in self._batches(_PURGE_KEYS, now):
            done.keys += count
        async for count in self._batches(digests.PURGE, now - _DIGEST_GRACE):
            done.digests += count
        async for count in self._batches(attachment_store.PURGE, now):
            done.attachments += count
        for statement, before in ((price_store.PURGE, end), (price_store.PURGE_SUMS, now - price_store.SUMS_KEPT)):
            async for count in self._batches(statement, before):
                done.prices += count
        async for count in self._batches(feed.PURGE, end):
            done.events += count
        async for count in self._batches(outgoing.PURGE, end):
            done.event_deliveries += count

    async def _drop_weeks(self, done: Done, end: dt.datetime) -> None:
        weeks = await self._alone(partial(retention.weeks_before, end=end)) or []
        if weeks:
            log.info("weeks past retention", weeks=weeks, dropped_at_most=self._most_weeks, before=end.isoformat())
        for week in weeks:
            if len(done.dropped) == self._most_weeks:
                return
            needed = await self._alone(partial(retention.is_needed, week=week, end=end), week=week)
            outcome = await self._alone(partial(retention.drop, week=week), week=week) if needed is False else None
            if outcome is retention.DropResult.DROPPED:
                done.dropped.append(week)
            elif outcome is not retention.DropResult.GONE:
                done.kept.append(week)

    async def _batches(self, statement: str, before: object, **more: object) -> AsyncIterator[int]:
        """Repeats a statement that deletes up to a limit, at most ``_most_keys`` rows in all; how many each time."""
        left = self._most_keys
        while left > 0:
            limit = min(_BATCH, left)
            parameters = {"before": before, "limit": limit, **more}
            count = await self._alone(partial(_deleted, statement=statement, parameters=parameters)) or 0
            yield count
            left -= count
            if count < limit:
                return

    async def _alone(self, step: Callable[[Connection], Awaitable[Result]], **about: str) -> Result | None:
        """One step in a transaction of its own; None if a table was in use, or it took too long, which is logged with
        what the step is ``about``. Raises :class:`Busy`.

        The lock belongs to the transaction: whatever happens to this process, nobody is shut out for longer.
        """

        async def work(connection: Connection) -> Result | None:
            try:
                async with connection.transaction():
                    answer = await connection.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
                    if await answer.fetchone() != (True,):
                        raise Busy
                    # Whoever writes queues up behind a waiting table lock: better to try again next time.
                    await connection.execute("SET LOCAL lock_timeout = '500ms'")
                    return await step(connection)
            except errors.LockNotAvailable:
                log.warning("a table is in use: it is maintained next time", **about)
                return None
            except errors.QueryCanceled:
                log.warning("a step took too long: it is tried again next time", **about)
                return None

        return await self._postgres.maintain(work)


async def _make(connection: Connection, partition: Partition) -> bool:
    question = await connection.execute(partitions.missing(partition.table), partition._asdict(), prepare=False)
    if await question.fetchone() != (True,):
        return False
    await connection.execute(partitions.create(partition), prepare=False)
    return True


async def _counted(connection: Connection, statement: str, before: dt.datetime, limit: int) -> int:
    row = await (await connection.execute(statement, {"before": before, "limit": limit})).fetchone()
    return row[0] if row else 0


async def _deleted(connection: Connection, statement: str, parameters: dict[str, object]) -> int:
    return (await connection.execute(statement, parameters)).rowcount
