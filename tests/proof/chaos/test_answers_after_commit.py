"""What is answered is committed, on whatever connection, whoever was cancelled on it before."""

from __future__ import annotations

import asyncio
import datetime as dt
import random

import psycopg

from services.ledger.config import LedgerSettings
from services.ledger.migrate import migrate
from services.ledger.postgres.postgres import Connection, Postgres

#: Calls, cancelled at any moment of their life.
CANCELLED = 600
LONGEST_S = 0.014


async def test_a_cancelled_call_leaves_no_connection_that_answers_before_it_commits(database_url: str) -> None:
    """A pipeline that a cancelled call leaves open would answer the next call while its row is not committed."""
    migrate(database_url, dt.datetime.now(dt.UTC), 1)
    postgres = Postgres(
        LedgerSettings.load(
            {"PULSE_DATABASE_URL": database_url, "PULSE_LEDGER_POOL_MIN": "1", "PULSE_LEDGER_POOL_MAX": "1"}
        )
    )
    chance = random.Random(1)
    await postgres.open()
    try:
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as observer:
            await observer.execute("CREATE TABLE written (number integer)")
            await observer.execute("GRANT SELECT, INSERT ON written TO pulse_app")
            for number in range(CANCELLED):
                task = asyncio.create_task(postgres.write(in_a_pipeline))
                await asyncio.sleep(chance.random() * LONGEST_S)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                await postgres.write(lambda connection, number=number: insert(connection, number))
                seen = await observer.execute("SELECT count(*) FROM written WHERE number = %s", [number])
                assert await seen.fetchone() == (1,)
    finally:
        await postgres.close()


async def in_a_pipeline(connection: Connection) -> None:
    """Two round trips in one transaction, as changes of state are made."""
    async with connection.pipeline(), connection.transaction():
        first = await connection.execute("SELECT pg_sleep(0.002)")
        await first.fetchall()
        await connection.execute("INSERT INTO written VALUES (-1)")


async def insert(connection: Connection, number: int) -> None:
    """One statement, as notifications are recorded."""
    answer = await connection.execute("INSERT INTO written VALUES (%s) RETURNING number", [number])
    assert await answer.fetchall() == [(number,)]
