"""The end of retention: whole weeks leave by dropping their partitions, which costs the same however full they are.

A week stays as long as one of its notifications still waits, is being sent or will be tried again.
"""

from __future__ import annotations

import datetime as dt
import enum

from psycopg import sql

from services.ledger.postgres.postgres import Connection
from services.ledger.postgres.tables import PARTITIONED
from services.ledger.schema import partitions

#: The longest that a week is looked through for what was accepted late, as PostgreSQL says it.
_LONGEST_LOOK = "10min"

_NAMES = """
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = ANY (%(tables)s::regclass[])
"""

# Deletes what went to the default partition and is at rest, with all that belongs to it, wherever that is. What was
# accepted later than its id says, by a caller whose clock was wrong, is kept from then on as long as any other.
STRAYS = """
WITH stray AS (
    SELECT d.tenant_id, d.notification_id FROM deliveries_default d
    WHERE d.notification_id < %(before)s AND d.due_at IS NULL AND NOT EXISTS (
        SELECT FROM notifications n WHERE n.tenant_id = d.tenant_id AND n.notification_id = d.notification_id
        AND n.created_at > %(end)s)
    LIMIT %(limit)s FOR UPDATE OF d SKIP LOCKED
), events_ AS (
    DELETE FROM events e USING stray s WHERE e.tenant_id = s.tenant_id AND e.notification_id = s.notification_id
), notifications_ AS (
    DELETE FROM notifications n USING stray s WHERE n.tenant_id = s.tenant_id AND n.notification_id = s.notification_id
)
DELETE FROM deliveries d USING stray s WHERE d.tenant_id = s.tenant_id AND d.notification_id = s.notification_id
"""

# Deletes from the default partitions what belongs to a notification that left with its week.
ORPHANS = tuple(
    f"""
    DELETE FROM {table}_default WHERE ctid = ANY (ARRAY(
        SELECT t.ctid FROM {table}_default t WHERE t.notification_id < %(before)s AND NOT EXISTS (
            SELECT FROM deliveries d WHERE d.tenant_id = t.tenant_id AND d.notification_id = t.notification_id)
        LIMIT %(limit)s))
    """  # noqa: S608 -- made of constants
    for table in ("notifications", "events")
)


async def weeks_before(connection: Connection, end: dt.datetime) -> list[str]:
    """Weeks that have partitions and were over at ``end``, the oldest first."""
    cursor = await connection.execute(_NAMES, {"tables": list(PARTITIONED)})
    weeks = {partitions.week_of(row[0]) for row in await cursor.fetchall()}
    return sorted(week for week in weeks if week is not None and partitions.end_of(week) <= end)


async def is_needed(connection: Connection, week: str, end: dt.datetime) -> bool:
    """Whether a week has to stay: one of its notifications waits, or was accepted after ``end`` (under an old id, by a
    caller whose clock was wrong).

    Locks nothing. The first is found by index; only where nobody waits are the week's notifications read, until a young
    one is found: all of them, which takes a while, where there is none and the week is dropped. Raises
    ``psycopg.errors.QueryCanceled`` if that takes longer than :data:`_LONGEST_LOOK`.
    """
    return await _waits(connection, week) or await _holds_young(connection, week, end)


async def _waits(connection: Connection, week: str) -> bool:
    return await _has(connection, f"deliveries_{week}", sql.SQL("due_at IS NOT NULL"))


async def _holds_young(connection: Connection, week: str, end: dt.datetime) -> bool:
    await connection.execute(f"SET LOCAL statement_timeout = '{_LONGEST_LOOK}'")
    return await _has(connection, f"notifications_{week}", sql.SQL("created_at > {}").format(sql.Literal(end)))


async def _has(connection: Connection, table: str, condition: sql.Composable) -> bool:
    """Whether there is such a row; False without the table."""
    exists = await connection.execute("SELECT to_regclass(%s) IS NOT NULL", [table], prepare=False)
    if await exists.fetchone() != (True,):
        return False
    question = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE {})").format(sql.Identifier(table), condition)
    return await (await connection.execute(question, prepare=False)).fetchone() == (True,)


class DropResult(enum.Enum):
    """What came of dropping a week."""

    DROPPED = enum.auto()
    #: Somebody in it still waits.
    WAITING = enum.auto()
    #: Another has dropped it meanwhile.
    GONE = enum.auto()


async def drop(connection: Connection, week: str) -> DropResult:
    """Drops a week's partitions, in the caller's transaction."""
    # Before the question, so that nothing is replayed between it and the end. Whoever works waits for a moment.
    await connection.execute(f"LOCK TABLE ONLY {', ONLY '.join(PARTITIONED)} IN ACCESS EXCLUSIVE MODE")
    if await _waits(connection, week):
        return DropResult.WAITING
    cursor = await connection.execute(_NAMES, {"tables": list(PARTITIONED)})
    parts = [name for (name,) in await cursor.fetchall() if partitions.week_of(name) == week]
    for name in parts:
        await connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)), prepare=False)
    return DropResult.DROPPED if parts else DropResult.GONE
