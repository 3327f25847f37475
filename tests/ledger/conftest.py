"""A ledger over a migrated database of the test's own, with a clock that the test moves."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import psycopg
import pytest

from services.ledger.config import LedgerSettings
from services.ledger.migrate import migrate
from services.ledger.server import Ledger
from shared.clock import FixedClock
from shared.rpc.channels import open_channel
from tests.ledger.calls import Calls
from tests.support import servers

NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)


def agreeing(clock: FixedClock) -> Callable[[], Awaitable[dt.datetime]]:
    """Another clock that says the same."""

    async def ask() -> dt.datetime:
        return clock.now()

    return ask


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture(scope="session")
def migrated_template(postgres_server: str) -> Iterator[str]:
    """Name of a database at the newest schema, to be copied: quicker than to migrate for every test."""
    name = f"ledger_{uuid.uuid4().hex}"
    with servers.fresh_database(postgres_server, name) as url:
        migrate(url, NOON, weeks_ahead=1)
        yield name


@pytest.fixture
def migrated_url(postgres_server: str, migrated_template: str) -> Iterator[str]:
    """A database at the newest schema."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{migrated_template}" STRATEGY file_copy')
        yield postgres_server.rpartition("/")[0] + f"/{name}"
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def settings(migrated_url: str) -> LedgerSettings:
    return LedgerSettings.load(
        {
            "PULSE_DATABASE_URL": migrated_url,
            "PULSE_LISTEN": "127.0.0.1:0",
            "PULSE_LEDGER_WATCH_SECONDS": "0.05",
            "PULSE_LEDGER_WEEKS_AHEAD": "1",
            "PULSE_LEDGER_POOL_WAIT_SECONDS": "1",
            "PULSE_DRAIN_SECONDS": "0.1",
        }
    )


@pytest.fixture
async def ledger(settings: LedgerSettings, clock: FixedClock) -> AsyncIterator[Ledger]:
    """A ledger that serves, and leaves its tables to the test: of many who maintain at once, one does it."""
    ledger = Ledger(settings, clock)
    await ledger.start()
    await ledger._housekeeping.stop()
    yield ledger
    await ledger.stop()


@pytest.fixture
async def calls(ledger: Ledger, clock: FixedClock) -> AsyncIterator[Calls]:
    """Calls to that ledger."""
    async with open_channel(f"127.0.0.1:{ledger.port}") as channel:
        yield Calls(channel, clock)


class Database:
    """Looks at the tables behind the ledger's back."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement, parameters).fetchall()

    def execute(self, statement: str) -> None:
        self._connection.execute(statement)

    def count(self, table: str) -> int:
        return self.rows(f"SELECT count(*) FROM {table}")[0][0]


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        yield Database(connection)
