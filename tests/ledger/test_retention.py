"""The end of retention, with a moved clock: whole weeks leave, and only those in which nobody waits."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest

from pulse.ledger.v1 import records_pb2
from services.ledger import maintain
from services.ledger.config import LedgerSettings
from services.ledger.postgres.postgres import Postgres
from services.ledger.schema import partitions, retention
from services.ledger.schema.housekeeping import Housekeeping
from services.ledger.schema.maintenance import Done, Due, Maintenance
from services.ledger.server import Ledger
from shared.clock import FixedClock, SystemClock
from shared.errors import PulseError
from shared.ids import uuid7
from tests.ledger.calls import Calls, Outcome, template
from tests.ledger.conftest import NOON, agreeing
from tests.support import eventually

#: Notifications of the week of NOON, 2026w48, are kept until 30 days after its end.
END = dt.datetime(2026, 11, 30, tzinfo=dt.UTC) + dt.timedelta(days=30)
TABLES = ("notifications", "deliveries", "events")
LONG_AGO = dt.timedelta(weeks=30)
DAY = 24 * 3600
TODAY = dt.datetime.now(dt.UTC)


@pytest.fixture
async def postgres(settings: LedgerSettings) -> AsyncIterator[Postgres]:
    postgres = Postgres(settings)
    await postgres.open()
    yield postgres
    await postgres.close()


@pytest.fixture
async def maintenance(postgres: Postgres, settings: LedgerSettings, ledger: Ledger, clock) -> Maintenance:
    """Under the clock of the ledger whose tables it maintains; PostgreSQL's agrees."""
    return Maintenance(postgres, clock, settings, agreeing(clock))


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
    clock.advance(-LONG_AGO.total_seconds())
    gone = await sent(calls)
    waiting = await calls.recorded()
    at(clock, NOON)
    young = await sent(calls, notification_id=uuid7(NOON - dt.timedelta(days=10)))
    done = await maintenance.run()
    assert (done.strays, done.dropped) == (1, [])
    assert [database.count(f"{table}_default") for table in TABLES] == [2, 2, 4]
    assert {(await calls.get(ref)).notification_id for ref in (waiting, young)} != {gone.notification_id}


async def test_what_is_left_over_of_a_week_that_left_leaves_too(maintenance, calls, clock, database):
    """A week whose tables got their partitions at different times is spread over them and the default one."""
    await sent(calls, notification_id=uuid7(NOON - LONG_AGO))
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


@contextlib.contextmanager
def long_look(url: str, week: str, monkeypatch) -> Iterator[None]:
    """To look through a week's notifications takes longer than it may."""
    monkeypatch.setattr(retention, "_LONGEST_LOOK", "50ms")
    with psycopg.connect(url) as holder:
        holder.execute(f"LOCK TABLE notifications_{week} IN ACCESS EXCLUSIVE MODE")
        yield


def told_too_long(capsys) -> list[str]:
    return [line for line in capsys.readouterr().out.splitlines() if "a step took too long" in line]


async def test_a_week_that_takes_too_long_to_look_through_stays_and_the_round_goes_on(
    maintenance, calls, clock, database, migrated_url, monkeypatch, capsys
):
    await sent(calls, key="key-1")
    week = add_week(database, NOON - LONG_AGO)
    at(clock, END)
    with long_look(migrated_url, week, monkeypatch):
        done = await maintenance.run()
    assert (done.kept, done.dropped, done.keys) == ([week], ["2026w48"], 1)
    (told,) = told_too_long(capsys)
    assert f"week={week}" in told
    assert (await maintenance.run()).dropped == [week]


async def test_a_week_in_which_somebody_waits_is_not_looked_through(
    maintenance, calls, clock, database, migrated_url, monkeypatch, capsys
):
    week = add_week(database, NOON - LONG_AGO)
    await calls.recorded(notification_id=uuid7(NOON - LONG_AGO))
    at(clock, END)
    with long_look(migrated_url, week, monkeypatch):
        done = await maintenance.run()
    assert (done.kept, done.dropped, told_too_long(capsys)) == ([week], ["2026w48"], [])


async def test_of_many_at_once_one_does_it(maintenance, calls, clock):
    await sent(calls)
    at(clock, END)
    done = await asyncio.gather(*(maintenance.run() for _ in range(6)))
    assert sum(one is not None and "2026w48" in one.dropped for one in done) == 1


async def test_a_ledger_makes_the_weeks_ahead_by_itself(settings, clock, database):
    ahead = {one.name for one in partitions.weeks(dt.datetime.now(dt.UTC), settings.ledger_weeks_ahead)}
    assert not ahead <= tables(database)
    ledger = Ledger(settings, clock)
    await ledger.start()
    try:
        await eventually(lambda: ahead <= tables(database))
    finally:
        await ledger.stop()


async def test_housekeeping_goes_on_as_time_does(postgres, settings, calls, clock, database):
    at(clock, END)
    housekeeping = Housekeeping(Maintenance(postgres, clock, settings, agreeing(clock)), interval=0.05)
    await housekeeping.start()
    try:
        await eventually(lambda: database.rows("SELECT to_regclass('events_2026w48')") == [(None,)])
        clock.advance(7 * 24 * 3600)
        await eventually(lambda: database.rows("SELECT to_regclass('events_2027w02')") != [(None,)])
    finally:
        await housekeeping.stop()


async def test_maintenance_can_be_run_once_and_says_what_it_will_do_and_did(settings, maintenance, database, capsys):
    week = add_week(database, TODAY - LONG_AGO)
    add_keys(database, 3, TODAY - dt.timedelta(hours=1))
    before = tables(database)
    assert await maintain.maintain(settings, SystemClock(), dry_run=True) == 0
    said = capsys.readouterr().out
    assert all(word in said for word in ("would be taken away", week, "keys=3")), said
    assert tables(database) == before
    assert await maintain.maintain(settings, SystemClock()) == 0
    assert week in capsys.readouterr().out
    assert not set(week_tables(week)) & tables(database)
    for _ in range(10):  # weeks of the test's own database may be past retention by now, too
        assert await maintain.maintain(settings, SystemClock()) == 0
        if "nothing to maintain" in capsys.readouterr().out:
            return
    pytest.fail("it found something to maintain again and again")


@pytest.mark.parametrize("seconds", [60 * DAY, -60 * DAY, 30 * DAY, DAY, 7_200, 65, -65])
async def test_a_clock_that_is_wrong_takes_nothing_away(settings, maintenance, database, capsys, seconds):
    """Neither the present, which a clock ahead thinks is past, nor what is past, which may be the present."""
    add_week(database, TODAY - LONG_AGO)
    add_keys(database, 3, TODAY - dt.timedelta(days=100))
    before, wrong = tables(database), FixedClock(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds))
    for dry_run in (True, False):
        assert await maintain.maintain(settings, wrong, dry_run=dry_run) == 1
        said = capsys.readouterr().out
        assert "clocks of PostgreSQL and of this process are" in said and "set right" in said
    assert before <= tables(database)
    assert database.count("idempotency_keys") == 3


async def test_clocks_may_differ_by_less_than_a_minute(settings, maintenance, database):
    week = add_week(database, TODAY - LONG_AGO)
    assert await maintain.maintain(settings, FixedClock(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=40))) == 0
    assert not set(week_tables(week)) & tables(database)


@pytest.mark.parametrize("wrong", ["PostgreSQL", "the process"])
async def test_a_ledgers_own_housekeeping_waits_for_clocks_that_agree(
    postgres, settings, ledger, calls, clock, database, wrong
):
    await sent(calls, key="key-1")
    ahead = FixedClock(clock.now() + dt.timedelta(days=60))
    own, other = (clock, ahead) if wrong == "PostgreSQL" else (ahead, clock)
    with pytest.raises(PulseError, match="CLOCKS_DISAGREE"):
        await Maintenance(postgres, own, settings, agreeing(other)).run()
    assert [database.count(table) for table in (*TABLES, "idempotency_keys")] == [1, 1, 3, 1]


async def test_partitions_are_made_ahead_though_a_processs_clock_is_wrong(postgres, settings, ledger, clock, database):
    later = FixedClock(clock.now() + dt.timedelta(days=21))
    with pytest.raises(PulseError, match="CLOCKS_DISAGREE"):
        await Maintenance(postgres, clock, settings, agreeing(later)).run()
    assert "events_2026w51" in tables(database)


async def test_what_leaves_at_one_round_is_bounded(settings, postgres, ledger, clock, database):
    """Two clocks that are wrong together, as on one machine, take little before somebody looks."""
    bounded = settings.model_copy(update={"ledger_weeks_dropped": 2, "ledger_keys_purged": 5})
    weeks = sorted(add_week(database, NOON - LONG_AGO - dt.timedelta(weeks=number)) for number in range(5))
    add_keys(database, 12, NOON - dt.timedelta(days=1))
    maintenance = Maintenance(postgres, clock, bounded, agreeing(clock))
    assert await maintenance.due() == Due(weeks=weeks[:2], keys=5, digests=0)
    rounds = [await maintenance.run() for _ in range(4)]
    assert [done.keys for done in rounds] == [5, 5, 2, 0]
    assert [done.dropped for done in rounds] == [weeks[:2], weeks[2:4], weeks[4:], []]


@pytest.mark.parametrize("partitioned", [True, False])
async def test_what_was_accepted_under_an_old_id_is_kept_as_long_as_any_other(
    maintenance, calls, clock, database, partitioned
):
    """A gateway whose clock is behind makes ids of weeks that are past retention."""
    if partitioned:
        add_week(database, NOON - LONG_AGO)
    ref = await sent(calls, notification_id=uuid7(NOON - LONG_AGO))
    await maintenance.run()
    assert (await calls.get(ref)).notification_id == ref.notification_id
    clock.advance(31 * DAY)
    await maintenance.run()
    assert [database.count(table) for table in TABLES] == [0, 0, 0]


def add_week(database, moment: dt.datetime) -> str:
    """Makes the partitions of a week; its name."""
    made = list(partitions.weeks(moment, 0))
    for partition in made:
        database.execute(partitions.create(partition))
    week = partitions.week_of(made[0].name)
    assert week
    return week


def week_tables(week: str) -> list[str]:
    return [f"{table}_{week}" for table in TABLES]


def add_keys(database, count: int, expired_at: dt.datetime) -> None:
    database.execute(
        "INSERT INTO idempotency_keys (tenant_id, method, key, fingerprint, notification_id, expires_at) "
        f"SELECT 'acme', 'send', 'old-' || n, '', gen_random_uuid(), '{expired_at.isoformat()}' "
        f"FROM generate_series(1, {count}) AS n"
    )


def tables(database) -> set[str]:
    return {name for (name,) in database.rows("SELECT relname FROM pg_class WHERE relkind IN ('r', 'p')")}


async def test_maintenance_that_cannot_be_done_says_so(capsys):
    away = LedgerSettings.load(
        {"PULSE_DATABASE_URL": "postgresql://pulse@127.0.0.1:1/none", "PULSE_LEDGER_START_SECONDS": "0.2"}
    )
    assert await maintain.maintain(away, FixedClock(END)) == 2
    assert "check PULSE_DATABASE_URL" in capsys.readouterr().out


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


async def test_events_beside_notifications_leave_at_the_end_of_retention(maintenance, calls, clock, database):
    await calls.create(template("hello"))
    at(clock, NOON + dt.timedelta(days=30, seconds=-1))
    assert (await maintenance.run()).events == 0
    at(clock, NOON + dt.timedelta(days=30))
    assert (await maintenance.run()).events == 1
    assert database.count("tenant_events") == 0
