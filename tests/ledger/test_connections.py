"""How many connections each who speaks to PostgreSQL holds, which its max_connections must have room for."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import make_url

from services.ledger import maintain, migrate
from services.ledger.config import LedgerSettings
from services.ledger.postgres import tenancy
from services.ledger.postgres.postgres import Connection, Postgres
from shared.clock import SystemClock
from tests.ledger.conftest import NOON
from tests.support.waiting import eventually

OPEN = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND starts_with(application_name, 'pulse-ledger-')
"""
#: One that works and one that waits for its turn, and one that is just closing.
OF_MIGRATE = 3


@asynccontextmanager
async def opened(settings: LedgerSettings) -> AsyncIterator[Postgres]:
    postgres = Postgres(settings)
    await postgres.open()
    try:
        yield postgres
    finally:
        await postgres.close()


@pytest.mark.parametrize("least", [1, 2, 5])
async def test_a_ledger_with_nothing_to_do_keeps_these(least: int, settings: LedgerSettings, database: Any) -> None:
    settings = settings.model_copy(update={"ledger_pool_min": least})
    async with opened(settings):
        await eventually(lambda: database.rows(OPEN) == [(settings.connections_kept,)])


@pytest.mark.parametrize("pools", [(8, 4, 2), (5, 4, 2), (2, 1, 1), (3, 5, 6)])
async def test_a_ledger_under_a_load_of_all_kinds_holds_all_that_it_may(
    pools: tuple[int, int, int], settings: LedgerSettings, database: Any
) -> None:
    names = ("ledger_pool_max", "ledger_read_pool_max", "ledger_search_pool_max")
    settings = settings.model_copy(update=dict(zip(names, pools, strict=True)) | {"ledger_pool_wait_seconds": 30.0})
    over = asyncio.Event()

    async def work(_: Connection) -> None:
        await over.wait()

    async with opened(settings) as postgres, asyncio.TaskGroup() as group:
        for kind in (postgres.write, postgres.read, postgres.search, postgres.follow):
            for tenant in ("a", "b", "c", "d"):
                for _ in range(10):
                    group.create_task(for_tenant(tenant, kind, work))
        for kind in (postgres.write, postgres.read, postgres.search, postgres.maintain):
            for _ in range(10):
                group.create_task(for_platform(kind, work))
        await eventually(lambda: database.rows(OPEN) == [(settings.connections,)])
        over.set()


Kind = Callable[[Callable[[Connection], Awaitable[None]]], Awaitable[None]]


async def for_tenant(name: str, kind: Kind, work: Callable[[Connection], Awaitable[None]]) -> None:
    with tenancy.tenants([name]):
        await kind(work)


async def for_platform(kind: Kind, work: Callable[[Connection], Awaitable[None]]) -> None:
    with tenancy.platform():
        await kind(work)


@pytest.fixture
def bounded(settings: LedgerSettings, database: Any) -> Iterator[Callable[[int], LedgerSettings]]:
    """Settings with a login to which PostgreSQL gives so many connections and no more."""
    url = make_url(settings.database_url.get_secret_value())
    login = f"login_{uuid.uuid4().hex}"

    def at_most(connections: int) -> LedgerSettings:
        database.execute(f"CREATE ROLE {login} LOGIN PASSWORD '{url.password}' CONNECTION LIMIT {connections}")
        database.execute(f'GRANT pulse_app, pulse_platform, "{url.username}" TO {login}')
        text = url.set(username=login).render_as_string(hide_password=False)
        return settings.model_copy(update={"database_url": SecretStr(text)})

    yield at_most
    database.execute(f"DROP OWNED BY {login}")
    database.execute(f"DROP ROLE {login}")


async def test_maintenance_has_one_more_than_a_ledger_with_nothing_to_do(
    settings: LedgerSettings, bounded: Callable[[int], LedgerSettings]
) -> None:
    assert await maintain.maintain(bounded(settings.connections_kept + 1), SystemClock()) == 0


async def test_migration_has_three(bounded: Callable[[int], LedgerSettings]) -> None:
    few = bounded(OF_MIGRATE)
    await asyncio.to_thread(migrate.migrate, few.database_url.get_secret_value(), NOON, 6)
