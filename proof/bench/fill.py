"""Fills a ledger with a history: copies of rows that the suite itself wrote, under new ids.

Each copy is an exemplar's rows in all tables, as they are, whatever columns a release gives them; only ids, users,
keys and addresses differ. The ids' times are spread over the running week, so that all copies lie in the partition
that is written to: the hardest case.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import psycopg
from psycopg import sql

#: Opens a connection past the ledger.
Connect = Callable[[], AbstractAsyncContextManager[psycopg.AsyncConnection[Any]]]

#: Copies written by one statement: progress can be shown, and a Ctrl-C is heard.
CHUNK = 100_000

TABLES = ("notifications", "deliveries", "events", "idempotency_keys")
#: Users that the copies are spread over, in place of the exemplar's.
USERS = 100_000
#: Bytes that one copy takes in all tables, indexes included; measured, rounded up.
BYTES = 2_500

# A UUIDv7 of a given time whose random bits follow from the copy's number.
_ID = """
(lpad(to_hex(%(start)s::bigint + g * %(length)s::bigint / %(count)s::bigint), 12, '0')
 || '7' || substr(md5(%(salt)s || g), 1, 3) || '8' || substr(md5(%(salt)s || g), 4, 15))::uuid
"""
#: What is written in place of the exemplar's value, by column; g is the copy's number.
REPLACED = {
    "notification_id": _ID,
    "user_id": f"'fill-u' || mod(g, {USERS})",
    "recipient": "'fill.' || g || '@example.com'",
    "idempotency_key": "CASE WHEN idempotency_key = '' THEN '' ELSE 'fill-k' || %(salt)s || g END",
    "key": "'fill-k' || %(salt)s || g",
}


async def fill(connect: Connect, exemplar: str, count: int, now: dt.datetime, say: Callable[[str], None]) -> None:
    """Writes ``count`` copies of the notification ``exemplar`` and brings the planner's statistics up to date."""
    monday = (now - dt.timedelta(days=now.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    # An hour's distance keeps them older than anything accepted from now on, unless the week is younger.
    end = max(monday + dt.timedelta(minutes=1), now - dt.timedelta(hours=1))
    parameters = {
        "start": int(monday.timestamp() * 1000),
        "length": int((end - monday).total_seconds() * 1000),
        "count": count,
        "salt": exemplar,
        "exemplar": exemplar,
    }
    async with asyncio.TaskGroup() as group:
        for table in TABLES:
            group.create_task(_fill_table(connect, table, parameters, say))


async def _fill_table(connect: Connect, table: str, parameters: Mapping[str, Any], say: Callable[[str], None]) -> None:
    count = parameters["count"]
    async with connect() as connection:
        copy = _copy(table, await _columns(connection, table))
        for low in range(0, count, CHUNK):
            high = min(low + CHUNK, count) - 1
            await connection.execute(copy, {**parameters, "low": low, "high": high})
            say(f"{table}: {high + 1:,} of {count:,}")
        await connection.execute(sql.SQL("VACUUM ANALYZE {}").format(sql.Identifier(table)))


def _copy(table: str, columns: Sequence[str]) -> sql.Composed:
    values = [sql.SQL(REPLACED[name]) if name in REPLACED else sql.Identifier(name) for name in columns]
    return sql.SQL(
        "INSERT INTO {table} ({columns}) SELECT {values} FROM generate_series(%(low)s::bigint, %(high)s::bigint) AS g, "
        "{table} AS exemplar WHERE exemplar.notification_id = %(exemplar)s::uuid"
    ).format(
        table=sql.Identifier(table),
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        values=sql.SQL(", ").join(values),
    )


async def _columns(connection: psycopg.AsyncConnection[Any], table: str) -> list[str]:
    """The table's columns that can be written."""
    cursor = await connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped "
        "AND attgenerated = '' AND attidentity = '' ORDER BY attnum",
        (table,),
    )
    return [name for (name,) in await cursor.fetchall()]
