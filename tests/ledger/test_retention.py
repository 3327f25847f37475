"""The end of retention, with a moved clock: whole weeks leave, and only those in which nobody waits."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator

import psycopg
import pytest

from pulse.ledger.v1 import records_pb2
from services.ledger import maintain, partitions
from services.ledger.config import LedgerSettings
from services.ledger.housekeeping import Housekeeping
from services.ledger.maintenance import Done, Maintenance
from services.ledger.postgres import Postgres
from services.ledger.server import Ledger
from shared.clock import FixedClock
from shared.errors import PulseError
from shared.ids import uuid7
from tests.ledger.calls import Calls, Outcome
from tests.ledger.conftest import NOON
from tests.support import eventually

#: Notifications of the week of NOON, 2026w48, are kept until 30 days after its end.
END = dt.datetime(2026, 11, 30, tzinfo=dt.UTC) + dt.timedelta(days=30)
TABLES = ("notifications", "deliveries", "events")


@pytest.fixture
async def postgres(settings: LedgerSettings) -> AsyncIterator[Postgres]:
    postgres = Postgres(settings)
    await postgres.open()
    yield postgres
    await postgres.close()


@pytest.fixture
async def maintenance(postgres: Postgres, settings: LedgerSettings, ledger: Ledger, clock) -> Maintenance:
    """Under the clock of the ledger whose tables it maintains, which keeps no house itself."""
    await ledger._housekeeping.stop()
    return Maintenance(postgres, clock, settings)


async def sent(calls: Calls, **fields) -> records_pb2.NotificationRef:
    ref = await calls.recorded(**fields)
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.SUCCEEDED)
    return ref


def at(clock: FixedClock, moment: dt.datetime) -> None:
    clock.advance((moment - clock.now()).total_seconds())


async def test_a_week_leaves_at_the_end_of_retention_and_not_before(maintenance, calls, clock, database):
    ref = await sent(calls, key="key-1")
    at(clock, END - dt.timedelta(seconds=1))
    done = await maintenance.run()
    assert (done.dropped, done.kept, done.keys) == ([], [], 1)
    assert (await calls.get(ref)).notification_id == ref.notification_id
    at(clock, END)
    assert await maintenance.run() == Done(dropped=["2026w48"])
    with pytest.raises(PulseError) as caught:
        await calls.get(ref)
    assert caught.value.reason == "NOTIFICATION_NOT_FOUND"
    assert [database.count(table) for table in TABLES] == [0, 0, 0]
    assert database.rows("SELECT to_regclass('events_2026w48')") == [(None,)]
    assert await sent(calls)


@pytest.mark.parametrize("waits", ["scheduled", "sending", "retrying", "replayed"])
async def test_a_week_in_which_somebody_waits_stays_until_nobody_does(maintenance, calls, clock, waits):
    ref = (
        await calls.recorded(not_before=END + dt.timedelta(days=9)) if waits == "scheduled" else await calls.recorded()
    )
    at(clock, END)
    if waits != "scheduled":
        (claimed,) = await calls.claim(ref)
    if waits == "retrying":
        await calls.end(claimed, Outcome.TRANSIENT_FAILURE)
    if waits == "replayed":
        await calls.end(claimed, Outcome.PERMANENT_FAILURE)
        await calls.replay(ref)
    done = await maintenance.run()
    assert (done.dropped, done.kept) == ([], ["2026w48"])
    clock.advance(10 * 24 * 3600)
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.SUCCEEDED)
    assert "2026w48" in (await maintenance.run()).dropped


async def test_what_went_to_the_default_partition_leaves_too_once_it_is_at_rest(maintenance, calls, clock, database):
    old = uuid7(NOON - dt.timedelta(weeks=30))
    gone = await sent(calls, notification_id=old)
    waiting = await calls.recorded(notification_id=uuid7(NOON - dt.timedelta(weeks=30)))
    young = await sent(calls, notification_id=uuid7(NOON - dt.timedelta(days=10)))
    done = await maintenance.run()
    assert (done.strays, done.dropped) == (1, [])
    assert [database.count(f"{table}_default") for table in TABLES] == [2, 2, 4]
    assert {(await calls.get(ref)).notification_id for ref in (waiting, young)} != {gone.notification_id}


async def test_what_is_left_over_of_a_week_that_left_leaves_too(maintenance, calls, clock, database):
    """A week whose tables got their partitions at different times is spread over them and the default one."""
    await sent(calls, notification_id=uuid7(NOON - dt.timedelta(weeks=30)))
    database.execute("DELETE FROM deliveries_default")
    await maintenance.run()
    assert [database.count(table) for table in TABLES] == [0, 0, 0]


async def test_a_table_in_use_is_left_alone_and_holds_nobody_up(maintenance, calls, clock, migrated_url):
    at(clock, END)
    with psycopg.connect(migrated_url) as reader:
        reader.execute("SELECT FROM deliveries")
        done = await maintenance.run()
        assert (done.dropped, done.kept) == ([], ["2026w48"])
        assert await calls.recorded()
    assert (await maintenance.run()).dropped == ["2026w48"]


async def test_of_many_at_once_one_does_it(maintenance, calls, clock):
    await sent(calls)
    at(clock, END)
    done = await asyncio.gather(*(maintenance.run() for _ in range(6)))
    assert sum(one is not None and "2026w48" in one.dropped for one in done) == 1


async def test_a_ledger_keeps_house_by_itself(postgres, settings, calls, clock, database):
    at(clock, END)
    housekeeping = Housekeeping(Maintenance(postgres, clock, settings), interval=0.05)
    await housekeeping.start()
    try:
        await eventually(lambda: database.rows("SELECT to_regclass('events_2026w48')") == [(None,)])
        clock.advance(7 * 24 * 3600)
        await eventually(lambda: database.rows("SELECT to_regclass('events_2027w02')") != [(None,)])
    finally:
        await housekeeping.stop()


async def test_maintenance_can_be_run_once_and_says_what_it_did(settings, maintenance, capsys):
    assert await maintain.maintain(settings, FixedClock(END)) == 0
    assert "2026w48" in capsys.readouterr().out
    assert await maintain.maintain(settings, FixedClock(END)) == 0
    assert "nothing to maintain" in capsys.readouterr().out


async def test_maintenance_that_cannot_be_done_says_so(capsys):
    away = LedgerSettings.load(
        {"PULSE_DATABASE_URL": "postgresql://pulse@127.0.0.1:1/none", "PULSE_LEDGER_START_SECONDS": "0.2"}
    )
    assert await maintain.maintain(away, FixedClock(END)) == 1
    assert "OperationalError" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "week"),
    [
        ("events_2026w48", "2026w48"),
        ("deliveries_2027w01", "2027w01"),
        ("events_default", None),
        ("events_2026w48_old", None),
        ("events_2026", None),
    ],
)
def test_only_partitions_of_a_week_have_one(name: str, week: str | None):
    assert partitions.week_of(name) == week


def test_a_week_ends_where_the_next_begins():
    for one in partitions.weeks(NOON, 60):
        week = partitions.week_of(one.name)
        assert week is not None
        assert one.high == next(
            other.low for other in partitions.weeks(partitions.end_of(week), 0) if other.table == one.table
        )
