"""A ledger's time is PostgreSQL's, whatever its machine's clock says and however that jumps."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator

import pytest

from services.ledger.config import LedgerSettings
from services.ledger.postgres.database_clock import BELIEVED_AFTER, DatabaseClock
from services.ledger.server import Ledger
from shared.clock import FixedClock, SystemClock
from shared.rpc.channels import open_channel
from tests.ledger.calls import Calls
from tests.ledger.conftest import NOON

HOUR = dt.timedelta(hours=1)


class Times:
    """PostgreSQL's clock and the machine's two, moved by hand."""

    def __init__(self) -> None:
        self.postgres = NOON
        self.machine = FixedClock(NOON)
        self.monotonic = 100.0
        self.clock = DatabaseClock(self._ask, self.machine, lambda: self.monotonic)

    async def _ask(self) -> dt.datetime:
        return self.postgres

    def pass_by(self, seconds: float) -> None:
        self.postgres += dt.timedelta(seconds=seconds)
        self.machine.advance(seconds)
        self.monotonic += seconds


@pytest.fixture
async def times() -> Times:
    times = Times()
    await times.clock.ask_once()
    return times


async def test_it_goes_on_between_two_questions(times: Times):
    times.pass_by(7)
    assert times.clock.now() == NOON + dt.timedelta(seconds=7)


@pytest.mark.parametrize("hours", [1, -1, 24 * 60, -24 * 60])
async def test_a_jump_of_the_machines_clock_is_not_noticed(times: Times, hours: int):
    times.machine.advance(hours * 3600)
    assert times.clock.now() == NOON
    await times.clock.ask_once()
    assert times.clock.now() == NOON
    assert times.clock.machine_ahead == hours * 3600


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
async def test_a_jump_of_postgresqls_clock_that_goes_back_is_not_followed(times: Times, jump: dt.timedelta):
    times.postgres += jump
    for _ in range(BELIEVED_AFTER - 1):
        await times.clock.ask_once()
        assert times.clock.now() == NOON
    times.postgres -= jump
    await times.clock.ask_once()
    assert times.clock.now() == NOON


async def test_a_jump_of_postgresqls_clock_that_stays_is_believed_in_the_end(times: Times):
    times.postgres += HOUR
    for _ in range(BELIEVED_AFTER):
        await times.clock.ask_once()
    assert times.clock.now() == NOON + HOUR


async def test_an_answer_that_was_long_on_its_way_does_not_put_the_time_back(times: Times):
    times.pass_by(10)
    times.postgres -= dt.timedelta(seconds=0.5)  # as it was half a second before the answer came
    await times.clock.ask_once()
    assert times.clock.now() == NOON + dt.timedelta(seconds=10)


async def test_small_corrections_are_followed_at_once(times: Times):
    times.postgres += dt.timedelta(seconds=3)
    await times.clock.ask_once()
    assert times.clock.now() == NOON + dt.timedelta(seconds=3)


@pytest.fixture
async def calls_under_a_wrong_clock(settings: LedgerSettings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Calls]:
    """Calls to a ledger whose machine's clock is an hour ahead."""
    right = SystemClock.now
    monkeypatch.setattr(SystemClock, "now", lambda clock: right(clock) + HOUR)
    ledger = Ledger(settings)
    await ledger.start()
    async with open_channel(f"127.0.0.1:{ledger.port}") as channel:
        yield Calls(channel, FixedClock(dt.datetime.now(dt.UTC)))
    await ledger.stop()


async def test_leases_and_due_times_are_right_though_the_machines_clock_is_not(calls_under_a_wrong_clock, database):
    calls = calls_under_a_wrong_clock
    ref = await calls.recorded()
    assert await calls.claim(ref)
    ((ahead,),) = database.rows("SELECT max(greatest(due_at, lease_until, updated_at)) - now() FROM deliveries")
    assert ahead < dt.timedelta(minutes=1)
