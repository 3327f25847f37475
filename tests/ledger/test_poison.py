"""What no worker can do ends, and takes nothing with it: every way back to the queue is bounded."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pulse.common.v1 import enums_pb2
from pulse.ledger.v1 import records_pb2
from services.ledger.config import LedgerSettings
from services.ledger.rules.retries.hand_backs import AT_ONCE
from shared.clock import FixedClock
from tests.ledger.calls import Calls, Outcome, settlement
from tests.ledger.conftest import Database

LEASE = 12
#: Hand-backs allowed.
MOST = 10
DAY = dt.timedelta(days=1)
#: Why workers give something back that they did not call a provider for, and for how long they ask, s.
REASONS = [
    ("WORKER_ERROR", 5.0),
    ("PROVIDER_AVOIDED", 0.0),
    ("PROVIDER_STALLED", 2.0),
    ("WORKER_STOPPING", 0.0),
    ("TEMPLATE_UNAVAILABLE", 1.0),
    ("LEASE_TOO_SHORT", 0.0),
    ("", 0.0),
]


@pytest.fixture
def settings(settings: LedgerSettings) -> LedgerSettings:
    """With few hand-backs allowed."""
    return settings.model_copy(update={"ledger_hand_backs": MOST})


class Life:
    """One notification, drawn whenever it is due and claimed by whoever is woken for it."""

    def __init__(self, calls: Calls, clock: FixedClock, database: Database, ref: records_pb2.NotificationRef) -> None:
        self._calls, self._clock, self._database, self._ref = calls, clock, database, ref

    async def claims(self) -> AsyncIterator[tuple[float, records_pb2.ClaimedNotification]]:
        """Every claim of it that there is, with the time that it waited before, s."""
        since = self._clock.now()
        while (due_at := self._due_at()) is not None:
            assert self._clock.now() - since < 30 * DAY
            self._clock.advance(max(0.0, (due_at - self._clock.now()).total_seconds()))
            drawn = (await self._calls.draw()).refs
            for one in await self._calls.claim(*drawn, lease=LEASE) if drawn else ():
                yield (self._clock.now() - since).total_seconds(), one
                since = self._clock.now()

    def _due_at(self) -> dt.datetime | None:
        where = "WHERE notification_id = %s"
        return self._database.rows(f"SELECT due_at FROM deliveries {where}", self._ref.notification_id)[0][0]


@pytest.mark.parametrize("guarantee", [enums_pb2.AT_LEAST_ONCE, enums_pb2.AT_MOST_ONCE])
@pytest.mark.parametrize(("code", "asked"), REASONS)
async def test_what_is_handed_back_again_and_again_is_a_dead_letter_in_the_end(
    calls: Calls, clock, database: Database, code: str, asked: float, guarantee: Any
):
    ref = await calls.recorded(delivery_guarantee=guarantee)
    waits = []
    async for waited, claimed in Life(calls, clock, database, ref).claims():
        waits.append(waited)
        await calls.end(claimed, Outcome.RELEASED, code=code, retry_after=asked)
    found = await calls.get(ref)
    assert (len(waits), await calls.status(ref), found.attempt_count) == (MOST, "FAILED", 0)
    assert found.failure.code == "HANDED_BACK"
    assert f"{MOST} times" in found.failure.message and code in found.failure.message
    assert waits[1 : AT_ONCE + 1] == [asked] * AT_ONCE, "who is handed back once in a while loses no time"
    assert all(max(2**n / 2, asked) <= wait <= max(2**n, asked) for n, wait in enumerate(waits[AT_ONCE + 1 :]))


async def test_a_replay_has_as_many_hand_backs_again(calls: Calls, clock, database: Database):
    ref = await calls.recorded()
    async for _, claimed in Life(calls, clock, database, ref).claims():
        await calls.end(claimed, Outcome.RELEASED)
    assert await calls.status(ref) == "FAILED"
    await calls.replay(ref)
    again = [claimed async for _, claimed in _handed_back(calls, Life(calls, clock, database, ref), 7)]
    assert len(again) == 7
    assert (await calls.end(again[-1], Outcome.SUCCEEDED)).applied
    assert await calls.status(ref) == "SENT"


async def _handed_back(calls: Calls, life: Life, times: int) -> AsyncIterator[Any]:
    """``times`` claims, of which all but the last are handed back."""
    number = 0
    async for waited, claimed in life.claims():
        number += 1
        yield waited, claimed
        if number == times:
            return
        await calls.end(claimed, Outcome.RELEASED)


async def test_hand_backs_and_failures_are_counted_apart(calls: Calls, clock, database: Database):
    ref = await calls.recorded(max_attempts=3)
    number = 0
    async for _, claimed in Life(calls, clock, database, ref).claims():
        number += 1
        outcome = Outcome.TRANSIENT_FAILURE if number % 4 == 0 else Outcome.RELEASED
        await calls.end(claimed, outcome, code="E")
    found = await calls.get(ref)
    assert (number, found.failure.code, found.attempt_count) == (12, "E", 3)


async def test_what_was_handed_back_too_often_goes_on_by_its_next_channel(calls: Calls, clock, database: Database):
    fallback = records_pb2.RoutedFallback(channel=enums_pb2.SMS, to="+15550100", route=["twilio"])
    ref = await calls.recorded(fallbacks=[fallback])
    providers = []
    async for _, claimed in Life(calls, clock, database, ref).claims():
        providers.append(claimed.provider)
        await calls.end(claimed, Outcome.RELEASED if claimed.provider == "smtp" else Outcome.SUCCEEDED)
    assert (providers.count("smtp"), providers[-1], await calls.status(ref)) == (MOST, "twilio", "SENT")


async def test_no_hand_back_outlives_the_time_to_live(calls: Calls, clock, database: Database):
    ref = await calls.recorded(expires_at=clock.now() + dt.timedelta(seconds=2))
    async for _, claimed in Life(calls, clock, database, ref).claims():
        await calls.end(claimed, Outcome.RELEASED)
    assert await calls.status(ref) == "EXPIRED"


@pytest.mark.parametrize("attempts", [1, 3, 6, 20])
async def test_what_ends_every_worker_is_a_dead_letter_when_its_attempts_are_spent(
    calls: Calls, clock, database: Database, attempts: int
):
    ref = await calls.recorded(max_attempts=attempts)
    waits = [waited async for waited, _ in Life(calls, clock, database, ref).claims()]
    found = await calls.get(ref)
    expected = "LEASE_EXPIRED" if attempts == 1 else "LEASE_EXPIRED_AGAIN"
    assert (len(waits), await calls.status(ref), found.failure.code) == (attempts, "FAILED", expected)
    assert all(LEASE <= waited <= LEASE + 300 for waited in waits[1:])
    assert waits[1:2] in ([], [LEASE]), "one worker that ended costs no time beyond the lease"
    assert all(waited > LEASE for waited in waits[2:])


@pytest.mark.parametrize(("count", "attempts"), [(2, 3), (30, 3), (30, 4), (8, 6), (30, 6)])
@pytest.mark.parametrize("away", [LEASE + 1, 400])
async def test_innocents_get_through_though_a_poison_ends_every_worker_that_has_it(
    calls: Calls, clock, database: Database, count: int, attempts: int, away: int
):
    """All that a worker has in hand is lost with it; it is ``away`` for some seconds then, if need be for longer than
    any pause, so that all that fell due meanwhile comes in one draw."""
    refs = [await calls.recorded(max_attempts=attempts) for _ in range(count)]
    poison, *innocent = refs
    deaths, begun = 0, clock.now()
    while database.rows("SELECT FROM deliveries WHERE due_at IS NOT NULL"):
        assert clock.now() - begun < DAY
        drawn = (await calls.draw(limit=1000)).refs
        claimed = await calls.claim(*drawn, lease=LEASE) if drawn else []
        lost = poison in [one.ref for one in claimed]
        deaths += lost
        if claimed and not lost:
            await calls.settle(*(settlement(one, Outcome.SUCCEEDED) for one in claimed))
        clock.advance(away if lost else 5)
    assert (deaths, await calls.status(poison)) == (attempts, "FAILED")
    assert [await calls.status(ref) for ref in innocent] == ["SENT"] * len(innocent)


async def test_one_that_cannot_be_decided_holds_up_no_other_and_ends(calls: Calls, clock, database: Database):
    """What is stored of its recipient is nothing that can be read, say."""
    odd, other = await calls.recorded(user_id="odd"), await calls.recorded(user_id="user-2")
    database.execute(
        "INSERT INTO preferences (tenant_id, user_id, time_zone, quiet_from, quiet_until, choices, updated_at) "
        "VALUES ('acme', 'odd', '', '', '', '[7]', now())"
    )
    claimed = await calls.claim(odd, other)
    assert [one.ref for one in claimed] == [other]
    await calls.end(claimed[0], Outcome.SUCCEEDED)
    looks = [waited async for waited, _ in Life(calls, clock, database, odd).claims()]
    assert looks == []
    found = await calls.get(odd)
    assert (await calls.status(odd), found.failure.code) == ("FAILED", "CANNOT_BE_DECIDED")
    assert len(found.timeline) == 3, "accepted, put off, failed"
    database.execute("DELETE FROM preferences")
    await calls.replay(odd)
    assert await calls.claim(odd)
