"""Dead letters: found by what they died of and when, and replayed many at a time."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from pulse.common.v1 import enums_pb2
from pulse.ledger.v1 import records_pb2
from services.ledger.move import bulk_replay
from services.ledger.move.bulk_replay import Pace
from services.ledger.stores import paging
from services.ledger.stores.paging import DeadLetterFilter
from shared.errors import Code, PulseError
from tests.ledger.calls import TENANT, Calls, Outcome, moment, receipt
from tests.ledger.conftest import NOON

MINUTE = dt.timedelta(minutes=1)


async def die(calls: Calls, code: str = "NO_SUCH_MAILBOX", **fields) -> records_pb2.NotificationRef:
    ref = await calls.recorded(**fields)
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.PERMANENT_FAILURE, code=code)
    return ref


async def graveyard(calls: Calls, clock) -> dict[str, str]:
    """Dead letters that differ in one thing each, a minute apart; their ids by that thing. And one that lives."""
    ids = {}
    for name, fields in {
        "plain": {},
        "channel": {"channel": enums_pb2.SMS},
        "provider": {"route": ["other"]},
        "failure": {"code": "BLOCKED"},
        "tenant": {"tenant_id": "other"},
    }.items():
        ids[name] = (await die(calls, **fields)).notification_id
        clock.advance(60)
    unknown = await calls.recorded(delivery_guarantee=enums_pb2.AT_MOST_ONCE)
    (claimed,) = await calls.claim(unknown)
    await calls.end(claimed, Outcome.UNANSWERED)
    await calls.recorded()
    return ids | {"unknown": unknown.notification_id}


FILTERS = {
    "all, the last to die first": ({}, ["unknown", "failure", "provider", "channel", "plain"]),
    "channel": ({"channel": enums_pb2.SMS}, ["channel"]),
    "provider": ({"provider": "other"}, ["provider"]),
    "failure": ({"failure_code": "BLOCKED"}, ["failure"]),
    "from a time on": ({"died_after": NOON + 3 * MINUTE}, ["unknown", "failure"]),
    "before a time": ({"died_before": NOON + MINUTE}, ["plain"]),
    "all at once": (
        {"provider": "smtp", "channel": enums_pb2.EMAIL, "died_after": NOON, "died_before": NOON + 3 * MINUTE},
        ["plain"],
    ),
    "nobody": ({"failure_code": "BUSY"}, []),
}


async def test_filters_find_what_they_say_and_a_dry_run_counts_it(calls: Calls, clock, database):
    ids = await graveyard(calls, clock)
    events = database.count("events")
    for name, (wanted, found) in FILTERS.items():
        page = await calls.dead_letters(**wanted)
        assert [letter.notification_id for letter in page.dead_letters] == [ids[one] for one in found], name
        counted = await calls.replay_many(dry_run=True, **wanted)
        assert (counted.matched, counted.replayed, counted.HasField("last_due_time")) == (len(found), 0, False), name
    assert database.count("events") == events


async def test_pages_follow_each_other_though_many_died_at_once(calls: Calls, clock):
    refs = [await die(calls) for _ in range(5)]
    clock.advance(60)
    late = await die(calls)
    found, token = [], ""
    while not found or token:
        page = await calls.dead_letters(page_size=2, page_token=token)
        found += [letter.notification_id for letter in page.dead_letters]
        token = page.next_page_token
    assert found == [late.notification_id, *sorted((ref.notification_id for ref in refs), reverse=True)]
    first = await calls.dead_letters(page_size=2)
    for foreign in (first.next_page_token[:-2] + "AA", (await calls.page(page_size=1)).next_page_token):
        with pytest.raises(PulseError) as caught:
            await calls.dead_letters(page_token=foreign, provider="smtp")
        assert caught.value.reason == "INVALID_PAGE_TOKEN"


@pytest.mark.parametrize("place", ["no time", "2026-13-01T00:00:00+00:00 x", " ", "\0", "\u202e \u202e", "9" * 5_000])
async def test_a_token_that_somebody_made_up_is_refused_as_one(calls: Calls, place: str):
    """What a token is checked by is no secret: whoever knows it can name any place."""
    with pytest.raises(PulseError) as caught:
        await calls.dead_letters(page_token=paging.token(place, DeadLetterFilter(TENANT)))
    assert (caught.value.code, caught.value.reason) == (Code.INVALID_ARGUMENT, "INVALID_PAGE_TOKEN")


async def test_a_death_keeps_its_time_until_the_dead_letter_lives_again(calls: Calls, clock):
    ref = await calls.recorded()
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.SUCCEEDED, provider_message_id="m-1")
    await calls.receive(receipt(ref, enums_pb2.UNDELIVERED))
    clock.advance(60)
    await calls.receive(receipt(ref, enums_pb2.DELIVERED))
    within = {"died_after": NOON, "died_before": NOON + MINUTE}
    assert len((await calls.dead_letters(**within)).dead_letters) == 1
    await calls.replay(ref)
    assert len((await calls.dead_letters()).dead_letters) == 0
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.PERMANENT_FAILURE)
    assert len((await calls.dead_letters(**within)).dead_letters) == 0
    assert len((await calls.dead_letters(died_after=NOON + MINUTE)).dead_letters) == 1


async def test_many_fall_due_one_after_another_the_first_to_die_first(calls: Calls, clock):
    refs = []
    for _ in range(5):
        refs.append(await die(calls))
        clock.advance(60)
    begun = clock.now()
    replay = await calls.replay_many(rate=2, actor="ops-7")
    assert (replay.matched, replay.replayed) == (5, 5)
    assert moment(replay.last_due_time) == begun + dt.timedelta(seconds=2)
    drawn = []
    for _ in range(5):
        drawn.append([ref.notification_id for ref in (await calls.draw()).refs])
        clock.advance(0.5)
    assert drawn == [[ref.notification_id] for ref in refs]
    replayed = (await calls.get(refs[4])).timeline[-1]
    assert (replayed.kind, replayed.actor) == (Outcome.REPLAYED, "ops-7")
    assert moment(replayed.next_attempt_time) == begun + dt.timedelta(seconds=2)
    (claimed,) = await calls.claim(refs[4])
    assert (claimed.attempt, claimed.fence) == (2, 2)


async def test_what_matches_is_replayed_and_nothing_else(calls: Calls, clock):
    ids = await graveyard(calls, clock)
    assert (await calls.replay_many(failure_code="BLOCKED")).replayed == 1
    left = {letter.notification_id for letter in (await calls.dead_letters()).dead_letters}
    assert left == {ids[name] for name in ("plain", "channel", "provider", "unknown")}
    foreign = records_pb2.NotificationRef(tenant_id="other", notification_id=ids["tenant"])
    await calls.replay_many()
    assert await calls.status(foreign) == "FAILED"


async def test_concurrent_replays_replay_each_once(calls: Calls, database, monkeypatch):
    monkeypatch.setattr(bulk_replay, "_CHUNK", 7)
    for _ in range(40):
        await die(calls)
    replays = await asyncio.gather(*(calls.replay_many(rate=10_000) for _ in range(6)))
    assert sum(replay.replayed for replay in replays) == 40
    assert database.rows("SELECT count(*) FROM events WHERE kind = 'REPLAYED'") == [(40,)]


async def test_one_call_replays_so_many_and_says_that_there_are_more(calls: Calls, monkeypatch):
    monkeypatch.setattr(bulk_replay, "_CHUNK", 2)
    monkeypatch.setattr(bulk_replay, "MOST", 4)
    for _ in range(6):
        await die(calls)
    first, second = await calls.replay_many(), await calls.replay_many()
    assert [(one.matched, one.replayed) for one in (first, second)] == [(6, 4), (2, 2)]


async def test_what_could_not_be_sent_any_more_is_left_out(calls: Calls, clock):
    await die(calls, expires_at=NOON + MINUTE)
    clock.advance(60)
    assert (await calls.replay_many()).matched == 0
    assert len((await calls.dead_letters()).dead_letters) == 1


async def test_one_that_dies_again_meanwhile_is_not_replayed_twice(calls: Calls, clock):
    ref = await die(calls)
    assert (await calls.replay_many()).replayed == 1
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.PERMANENT_FAILURE)
    clock.advance(1)
    assert (await calls.replay_many(died_before=NOON)).replayed == 0
    assert (await calls.replay_many()).replayed == 1


@pytest.mark.parametrize("rate", [0, -1, 10_001])
async def test_a_rate_that_cannot_be_is_refused(calls: Calls, rate: int):
    with pytest.raises(PulseError) as caught:
        await calls.replay_many(rate=rate)
    assert (caught.value.code, caught.value.violations[0].field) == (Code.INVALID_ARGUMENT, "rate_per_second")


@pytest.mark.parametrize(("rate", "place", "seconds"), [(1, 0, 0), (1, 7, 7), (100, 50, 0.5), (10_000, 99_999, 9.9999)])
def test_the_pace(rate: int, place: int, seconds: float):
    assert Pace(NOON, rate, 0).after(place).due_at == NOON + dt.timedelta(seconds=seconds)
