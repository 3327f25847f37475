"""Migrations, partitions and settings."""

from __future__ import annotations

import datetime as dt
import itertools
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from services.ledger.config import LedgerSettings
from services.ledger.migrate import migrate
from services.ledger.postgres import tables, tables_of_tenants  # noqa: F401
from services.ledger.postgres.postgres import Postgres
from services.ledger.schema import partitions
from services.ledger.schema.maintenance import Maintenance
from shared.clock import FixedClock
from shared.config import ConfigError
from tests.ledger.calls import Calls
from tests.ledger.conftest import NOON, agreeing


def children(connection: sa.Connection) -> set[str]:
    return set(connection.scalars(sa.text("SELECT relname FROM pg_class WHERE relispartition")))


def test_the_schema_is_the_sum_of_the_migrations(migrated_url: str):
    engine = sa.create_engine(migrated_url.replace("postgresql:", "postgresql+psycopg:"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        parts = children(connection)
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "include_name": lambda name, kind, _parents: kind != "table" or name not in parts,
            },
        )
        assert compare_metadata(context, tables.metadata) == []
        types = {one["name"]: one["labels"] for one in sa.inspect(connection).get_enums()}
        described = (tables.STATUS, tables.CHANNEL, tables.LANE, tables.GUARANTEE, tables.KIND, tables.OUTCOME)
        assert types == {one.name: one.enums for one in described}
        partitioned = connection.scalars(sa.text("SELECT partrelid::regclass::text FROM pg_partitioned_table"))
        assert sorted(partitioned) == sorted(tables.PARTITIONED)


def test_any_number_may_migrate_at_once_and_again(database_url: str):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: migrate(database_url, NOON, 2), range(4)))
    migrate(database_url, NOON, 2)
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0026",)]


def test_every_key_begins_with_the_tenant():
    of_no_tenant = {"revisions", "provider_states", "provider_controls"}
    for table in tables.metadata.tables.values():
        if table.name in of_no_tenant:
            continue
        assert table.primary_key.columns[0].name == "tenant_id", table.name


@pytest.mark.parametrize(
    ("moment", "name"),
    [
        (dt.datetime(2026, 11, 23, tzinfo=dt.UTC), "events_2026w48"),
        (dt.datetime(2026, 11, 22, 23, 59, 59, 999_999, tzinfo=dt.UTC), "events_2026w47"),
        (dt.datetime(2027, 1, 3, 12, tzinfo=dt.UTC), "events_2026w53"),
        (dt.datetime(2027, 1, 4, tzinfo=dt.UTC), "events_2027w01"),
        (dt.datetime(2026, 11, 23, 0, 30, tzinfo=dt.timezone(dt.timedelta(hours=1))), "events_2026w47"),
    ],
)
def test_partitions_are_named_by_their_iso_week(moment: dt.datetime, name: str):
    assert name in {one.name for one in partitions.weeks(moment, 0)}


def test_partitions_adjoin():
    bounds = [(one.low, one.high) for one in partitions.weeks(NOON, 60) if one.table == "events"]
    assert all(before[1] == after[0] for before, after in itertools.pairwise(bounds))
    assert len(bounds) == 61


async def test_housekeeping_makes_partitions_and_forgets_keys(settings: LedgerSettings, calls: Calls, database):
    await calls.recorded(key="old")
    later = FixedClock(NOON + dt.timedelta(weeks=3))
    await calls.recorded(notification_id="01a2f6ac-6e00-7000-8000-000000000000")
    postgres = Postgres(settings)
    await postgres.open()
    try:
        await Maintenance(postgres, later, settings, agreeing(later)).run()
    finally:
        await postgres.close()
    rows = database.rows("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'")
    assert {"events_2026w51", "events_2026w52"} <= {row[0] for row in rows}
    assert database.count("idempotency_keys") == 0


async def test_a_week_whose_rows_went_to_the_default_partition_stays_there(settings: LedgerSettings, calls, database):
    clock = FixedClock(NOON + dt.timedelta(weeks=30))
    stray = next(one for one in partitions.weeks(clock.now(), 0) if one.table == "deliveries")
    ref = await calls.recorded(notification_id=stray.low[:-4] + "0001")
    postgres = Postgres(settings)
    await postgres.open()
    try:
        await Maintenance(postgres, clock, settings, agreeing(clock)).run()
    finally:
        await postgres.close()
    assert (await calls.get(ref)).notification_id == ref.notification_id
    assert database.rows("SELECT to_regclass(%s)", stray.name) == [(None,)]


@pytest.mark.parametrize(
    "environ",
    [
        {"PULSE_LEDGER_KEY_RETENTION_HOURS": "1"},
        {"PULSE_LEDGER_RETRY_BASE_SECONDS": "1000"},
        {"PULSE_LEDGER_KEY_RETENTION_HOURS": "49", "PULSE_LEDGER_RETENTION_DAYS": "2"},
        {"PULSE_LEDGER_POOL_MIN": "9"},
        {"PULSE_LEDGER_POOL_MAX": "0"},
        {"PULSE_LEDGER_POOL_MAXX": "3"},
    ],
)
def test_risky_settings_are_refused_by_name(environ: dict[str, str]):
    with pytest.raises(ConfigError, match="PULSE_LEDGER_"):
        LedgerSettings.load(environ)
