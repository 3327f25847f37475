"""What the dispatcher gets, and when."""

from __future__ import annotations

import asyncio
import datetime as dt

from pulse.common.v1 import enums_pb2
from tests.ledger.calls import Calls, Outcome
from tests.ledger.conftest import NOON


async def drawn(calls: Calls, **how) -> list[str]:
    return [ref.notification_id for ref in (await calls.draw(**how)).refs]


async def test_lanes_are_drawn_apart_longest_due_first(calls: Calls, clock):
    first = await calls.recorded()
    low = await calls.recorded(lane=enums_pb2.LOW)
    clock.advance(1)
    second = await calls.recorded()
    assert await drawn(calls) == [first.notification_id, second.notification_id]
    assert await drawn(calls, lane=enums_pb2.LOW) == [low.notification_id]


async def test_what_is_drawn_is_not_drawn_again_until_its_time_to_be_claimed_is_over(calls: Calls, clock):
    ref = await calls.recorded()
    assert await drawn(calls, redispatch_after=10) == [ref.notification_id]
    clock.advance(9.9)
    assert await drawn(calls) == []
    clock.advance(0.1)
    assert await drawn(calls) == [ref.notification_id]
    assert await calls.status(ref) == "QUEUED"


async def test_what_its_recorder_dispatches_is_left_to_it_for_a_while(calls: Calls, clock):
    ref = await calls.recorded(dispatched=True)
    assert await drawn(calls) == []
    clock.advance(10)
    assert await drawn(calls) == [ref.notification_id]


async def test_what_is_scheduled_is_drawn_and_claimed_when_its_time_has_come(calls: Calls, clock):
    ref = await calls.recorded(not_before=NOON + dt.timedelta(seconds=60), dispatched=True)
    clock.advance(59)
    assert await drawn(calls) == []
    assert await calls.claim(ref) == []
    clock.advance(1)
    assert await drawn(calls) == [ref.notification_id]
    assert len(await calls.claim(ref)) == 1


async def test_retries_and_lost_leases_are_drawn(calls: Calls, clock):
    retried, lost = await calls.recorded(), await calls.recorded()
    for claimed in await calls.claim(retried, lost, lease=12):
        if claimed.ref == retried:
            await calls.end(claimed, Outcome.TRANSIENT_FAILURE, retry_after=5)
    assert await drawn(calls) == []
    clock.advance(5)
    assert await drawn(calls) == [retried.notification_id]
    clock.advance(7)
    assert await drawn(calls, redispatch_after=60) == [lost.notification_id]
    clock.advance(3)
    assert await drawn(calls) == [retried.notification_id]


async def test_what_is_over_is_never_drawn(calls: Calls, clock):
    cancelled, sent = await calls.recorded(), await calls.recorded()
    await calls.cancel(cancelled)
    (claimed,) = await calls.claim(sent)
    await calls.end(claimed, Outcome.SUCCEEDED)
    clock.advance(10**6)
    assert await drawn(calls) == []


async def test_what_has_expired_ends_instead(calls: Calls, clock):
    late = await calls.recorded(expires_at=NOON + dt.timedelta(seconds=5))
    fine = await calls.recorded(expires_at=NOON + dt.timedelta(seconds=50))
    clock.advance(5)
    assert await drawn(calls) == [fine.notification_id]
    assert await calls.timeline(late) == [("ACCEPTED", "QUEUED"), ("EXPIRED", "EXPIRED")]


async def test_more_is_told(calls: Calls):
    for _ in range(3):
        await calls.recorded()
    first = await calls.draw(limit=2)
    second = await calls.draw(limit=2)
    assert [(len(first.refs), first.more), (len(second.refs), second.more)] == [(2, True), (1, False)]


async def test_concurrent_draws_share_what_is_due(calls: Calls):
    await calls.record(*(calls.entry() for _ in range(300)))
    draws = await asyncio.gather(*(drawn(calls, limit=50) for _ in range(8)))
    ids = [one for draw in draws for one in draw]
    rest = await drawn(calls, limit=300)
    assert len(ids + rest) == len(set(ids + rest)) == 300
