"""A provider with a bound is called only for what was drawn for it, by whatever way a notification comes to it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from pulse.common.v1 import enums_pb2
from pulse.ledger.v1 import records_pb2
from tests.ledger.calls import Calls, Outcome, fallback
from tests.ledger.conftest import NOON


async def routed(calls: Calls, **fields: Any) -> records_pb2.NotificationRef:
    return await calls.recorded(**({"route": ["first", "second"], "max_attempts": 5} | fields))


async def drawn(calls: Calls, **allowances: int) -> list[records_pb2.NotificationRef]:
    return list((await calls.draw(**allowances)).refs)


async def begun(calls: Calls, *refs: records_pb2.NotificationRef, **how: Any) -> list[str]:
    """The providers of the attempts that began."""
    return [claimed.provider for claimed in await calls.claim(*refs, **how)] if refs else []


async def test_what_another_provider_cannot_take_is_drawn_again_for_the_bounded_one(calls: Calls, clock):
    ref = await routed(calls)
    assert await drawn(calls, second=0) == [ref]
    assert await begun(calls, ref, avoid=["first"]) == []
    event = (await calls.get(ref)).timeline[-1]
    assert [(one.rule, one.result, one.reason) for one in event.decisions] == [
        ("breaker", "second", "first fails too often"),
        ("limit", "DEFERRED", "second is given only so many: it waits its turn"),
    ]
    assert await drawn(calls, second=0) == []
    assert await begun(calls, ref, avoid=["first"]) == []  # woken, but not drawn for it
    assert await drawn(calls, second=1) == [ref]
    assert await begun(calls, ref, avoid=["first"]) == ["second"]
    assert [kind for kind, _ in await calls.timeline(ref)] == ["ACCEPTED", "DEFERRED", "ATTEMPT_STARTED"]


async def test_no_more_reach_a_bounded_provider_than_it_is_allowed_while_the_first_is_shut(calls: Calls, clock):
    """As in a failover under load: each draw gives the second so many, and no claim gives it more."""
    refs = [await routed(calls, dispatched=True) for _ in range(20)]
    assert await drawn(calls, second=3) == []
    assert await begun(calls, *refs, avoid=["first"]) == []
    counts = []
    for _ in range(8):
        given = await drawn(calls, second=3)
        counts.append(len(await begun(calls, *given, avoid=["first"])))
        assert await begun(calls, *refs, avoid=["first"]) == []
        clock.advance(1)
    assert counts == [3] * 6 + [2, 0]


@pytest.mark.parametrize("how", ["pause", "forced open", "failure"])
async def test_however_it_comes_to_the_second(calls: Calls, clock, how: str):
    ref = await routed(calls)
    assert await drawn(calls, second=0) == [ref]
    if how == "failure":
        (claimed,) = await calls.claim(ref)
        await calls.end(claimed, Outcome.TRANSIENT_FAILURE)
    elif how == "pause":
        await calls.pause(provider="first")
    avoid = ["first"] if how == "forced open" else []
    assert await begun(calls, ref, avoid=avoid) == []
    assert await drawn(calls, second=0) == []
    assert await drawn(calls, second=1) == [ref]
    assert await begun(calls, ref, avoid=avoid) == ["second"]


async def test_a_fallback_whose_time_has_come_is_drawn_for_its_provider(calls: Calls, clock):
    ref = await calls.recorded(route=["smtp"], fallbacks=[fallback(after=30)])
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.SUCCEEDED)
    clock.advance(30)
    assert await drawn(calls, twilio=0) == [ref]
    assert await begun(calls, ref) == []
    assert (await calls.timeline(ref))[-2:] == [("FALLBACK", "QUEUED"), ("DEFERRED", "QUEUED")]
    assert await drawn(calls, twilio=0) == []
    assert await drawn(calls, twilio=1) == [ref]
    assert await begun(calls, ref) == ["twilio"]


async def test_what_a_lost_worker_held_is_drawn_for_its_provider(calls: Calls, clock):
    ref = await routed(calls, route=["first"])
    assert await drawn(calls, first=1) == [ref]
    assert await begun(calls, ref, lease=12) == ["first"]
    clock.advance(12)
    assert await drawn(calls, first=0) == [ref]  # to see that it was lost
    assert await begun(calls, ref) == []
    assert await drawn(calls, first=0) == []
    assert await drawn(calls, first=1) == [ref]
    assert await begun(calls, ref) == ["first"]


async def test_it_expires_where_it_waits_for_its_turn(calls: Calls, clock):
    ref = await routed(calls, expires_at=NOON + dt.timedelta(seconds=30))
    await drawn(calls, second=0)
    await begun(calls, ref, avoid=["first"])
    clock.advance(30)
    assert await drawn(calls, second=1) == []
    assert await calls.status(ref) == "EXPIRED"


async def test_a_provider_without_a_bound_is_given_it_at_once(calls: Calls, clock):
    ref, other = await routed(calls), await routed(calls)
    assert len(await drawn(calls, third=0)) == 2
    assert await begun(calls, ref, avoid=["first"]) == ["second"]
    await drawn(calls, second=0)
    clock.advance(61)
    await drawn(calls)  # nobody names it any more
    assert await begun(calls, other, avoid=["first"]) == ["second"]


async def test_lanes_have_one_bound(calls: Calls, clock):
    low = await routed(calls, lane=enums_pb2.LOW)
    await drawn(calls, second=0)  # of HIGH
    assert await begun(calls, low, avoid=["first"]) == []
