"""Providers: what workers tell of them, what operators decide on them, and what claims make of both."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from pulse.common.v1 import enums_pb2, provider_pb2
from pulse.ledger.v1 import records_pb2
from shared.errors import Code, PulseError
from shared.times import to_timestamp
from tests.ledger.calls import Calls, Outcome, receipt
from tests.ledger.conftest import NOON

SMS, EMAIL = enums_pb2.SMS, enums_pb2.EMAIL
CLOSED, HALF_OPEN, OPEN = provider_pb2.CLOSED, provider_pb2.HALF_OPEN, provider_pb2.OPEN
AUTOMATIC, FORCED_OPEN, FORCED_CLOSED = (
    provider_pb2.AUTOMATIC,
    provider_pb2.FORCED_OPEN,
    provider_pb2.FORCED_CLOSED,
)


def state(
    provider: str, breaker=CLOSED, channel=EMAIL, since: float = 0, reason: str = ""
) -> provider_pb2.ProviderState:
    """What a worker says; ``since`` in seconds after noon."""
    began = to_timestamp(NOON + dt.timedelta(seconds=since))
    return provider_pb2.ProviderState(provider=provider, channel=channel, breaker=breaker, since=began, reason=reason)


async def routed(calls: Calls, *route: str, **fields) -> records_pb2.NotificationRef:
    return await calls.recorded(route=route or ("first", "second"), **fields)


async def decisions(calls: Calls, ref: records_pb2.NotificationRef, kind) -> list[tuple[str, str]]:
    """Rule and result of what was decided at each event of that kind."""
    events = [event for event in (await calls.get(ref)).timeline if event.kind == kind]
    return [(one.rule, one.result) for event in events for one in event.decisions]


async def test_all_workers_together_see_the_worst(calls: Calls):
    await calls.exchange(state("first", OPEN, since=5, reason="half of the calls failed"), worker="a")
    await calls.exchange(state("first", OPEN, since=9, reason="taken over"), state("second", HALF_OPEN), worker="b")
    seen = await calls.exchange(state("first"), state("second"), state("twilio", channel=SMS), worker="c")
    assert {name: (one.breaker, one.reason) for name, one in seen.items()} == {
        "first": (OPEN, "half of the calls failed"),
        "second": (HALF_OPEN, ""),
        "twilio": (CLOSED, ""),
    }
    assert list(seen) == ["first", "second", "twilio"]
    assert await calls.providers() == seen


async def test_one_that_fails_for_a_tenant_alone_is_passed_over_for_that_tenant(calls: Calls):
    own, others = await routed(calls), await routed(calls, tenant_id="other")
    claimed = await calls.claim(own, others, avoid_for=[("other", "first"), ("nobody", "second")])
    assert {one.ref.tenant_id: one.provider for one in claimed} == {own.tenant_id: "first", "other": "second"}
    assert await decisions(calls, others, Outcome.ATTEMPT_STARTED) == [("breaker", "second")]
    waiting = await routed(calls, "first", tenant_id="other")
    assert await calls.claim(waiting, avoid_for=[("other", "first")]) == []
    assert [kind for kind, _ in await calls.timeline(waiting)] == ["ACCEPTED", "DEFERRED"]


async def test_a_worker_says_all_it_has_to_say_each_time(calls: Calls):
    await calls.exchange(state("first", OPEN), state("second"))
    assert list(await calls.exchange(state("first"))) == ["first"]
    assert (await calls.providers())["first"].breaker == CLOSED


async def test_who_is_silent_for_ten_seconds_is_forgotten(calls: Calls, clock):
    await calls.exchange(state("first", OPEN), worker="a")
    clock.advance(9)
    assert (await calls.exchange(state("first"), worker="b"))["first"].breaker == OPEN
    clock.advance(2)
    assert (await calls.providers())["first"].breaker == CLOSED
    clock.advance(9)
    assert await calls.providers() == {}


async def test_who_spoke_while_the_clock_was_ahead_is_forgotten_too(calls: Calls, clock):
    clock.advance(3600)
    await calls.exchange(state("first", OPEN), worker="a")
    clock.advance(-3600)
    assert await calls.providers() == {}


async def test_what_silent_workers_left_is_deleted(calls: Calls, clock, database):
    await calls.exchange(state("first"), worker="a")
    clock.advance(3600)
    await calls.exchange(state("first"), worker="b")
    assert database.rows("SELECT worker_id FROM provider_states") == [("b",)]


async def test_many_workers_may_tell_at_once(calls: Calls):
    told = [state("first", OPEN), state("second")]
    answers = await asyncio.gather(*(calls.exchange(*told, worker=f"w-{n % 10}") for n in range(30)))
    assert all(set(answer) == {"first", "second"} for answer in answers)


@pytest.mark.parametrize("what", [{"channel": EMAIL}, {"provider": "first"}])
async def test_a_pause_holds_from_the_next_claim_on_and_spends_no_attempt(calls: Calls, clock, what):
    await calls.pause(**what)
    ref = await routed(calls, "first")
    for _ in range(5):
        assert await calls.claim(ref) == []
        clock.advance(60)
    assert await calls.timeline(ref) == [("ACCEPTED", "QUEUED"), ("DEFERRED", "QUEUED")]
    assert await decisions(calls, ref, Outcome.DEFERRED) == [("pause", "DEFERRED")]
    await calls.pause(paused=False, **what)
    assert [one.notification_id for one in (await calls.draw()).refs] == [ref.notification_id]
    (claimed,) = await calls.claim(ref)
    assert claimed.attempt == 1


async def test_what_is_paused_is_looked_at_ever_less_often(calls: Calls, clock, database):
    """And at most half a minute later, so that a ledger that is lost in a resume costs no more than that."""
    await calls.pause(provider="first")
    ref, waits = await routed(calls, "first"), []
    for _ in range(15):
        await calls.claim(ref)
        ((wait,),) = database.rows("SELECT extract(epoch FROM due_at - %s)::float FROM deliveries", clock.now())
        waits.append(wait)
        clock.advance(wait)
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (1, 30)


async def test_a_pause_of_one_provider_leaves_the_next_of_the_route(calls: Calls):
    await calls.pause(provider="first")
    ref = await routed(calls)
    (claimed,) = await calls.claim(ref)
    assert claimed.provider == "second"
    assert await decisions(calls, ref, Outcome.ATTEMPT_STARTED) == [("pause", "second")]


async def test_pausing_twice_and_resuming_what_runs_is_no_error(calls: Calls):
    await calls.exchange(state("first"))
    for paused in (False, True, True):
        await calls.pause(paused, provider="first")
    await calls.pause(channel=EMAIL)
    found = (await calls.providers())["first"]
    assert (found.paused, found.channel_paused, found.actor) == (True, True, "ops")


@pytest.mark.parametrize("what", [{}, {"channel": EMAIL, "provider": "first"}])
async def test_a_pause_is_of_a_channel_or_of_a_provider(calls: Calls, what):
    with pytest.raises(PulseError) as caught:
        await calls.pause(**what)
    assert caught.value.code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("override", "avoid", "provider"),
    [
        (AUTOMATIC, [], "first"),
        (AUTOMATIC, ["first"], "second"),
        (FORCED_OPEN, [], "second"),
        (FORCED_CLOSED, ["first"], "first"),
        (FORCED_CLOSED, ["first", "second"], "first"),
    ],
)
async def test_an_override_outweighs_what_workers_see(calls: Calls, override, avoid, provider):
    await calls.exchange(state("first"), state("second"))
    assert (await calls.override("first", override)).override == override
    (claimed,) = await calls.claim(await routed(calls), avoid=avoid)
    assert claimed.provider == provider


async def test_only_what_a_worker_told_of_lately_can_be_overridden(calls: Calls, clock):
    await calls.exchange(state("first"))
    clock.advance(11)
    with pytest.raises(PulseError) as caught:
        await calls.override("first", FORCED_OPEN)
    assert caught.value.code is Code.NOT_FOUND


async def test_an_override_that_lets_a_provider_be_called_wakes_what_waits(calls: Calls):
    await calls.exchange(state("first"))
    ref = await routed(calls, "first")
    assert await calls.claim(ref, avoid=["first"]) == []
    assert list((await calls.draw()).refs) == []
    await calls.override("first", FORCED_CLOSED)
    assert [one.notification_id for one in (await calls.draw()).refs] == [ref.notification_id]
    assert len(await calls.claim(ref, avoid=["first"])) == 1


async def test_where_no_provider_may_be_called_it_waits_without_an_attempt(calls: Calls, clock):
    ref = await routed(calls)
    assert await calls.claim(ref, avoid=["first", "second"]) == []
    assert await decisions(calls, ref, Outcome.DEFERRED) == [("breaker", "DEFERRED")]
    clock.advance(1)
    assert len((await calls.draw()).refs) == 1
    (claimed,) = await calls.claim(ref)
    assert (claimed.provider, claimed.attempt) == ("first", 1)


async def test_what_waits_for_a_provider_expires_in_time(calls: Calls, clock):
    await calls.pause(provider="first")
    ref = await routed(calls, "first", expires_at=NOON + dt.timedelta(seconds=45))
    for _ in range(3):
        await calls.claim(ref)
        clock.advance(15)
    await calls.draw()
    assert await calls.status(ref) == "EXPIRED"


async def test_a_failure_goes_to_the_next_provider_at_once_and_waits_after_a_full_round(calls: Calls, clock):
    ref = await routed(calls, "a", "b", "c", max_attempts=7)
    seen = []
    for _ in range(2):
        for _ in range(3):
            (claimed,) = await calls.claim(ref)
            seen.append(claimed.provider)
            await calls.end(claimed, Outcome.TRANSIENT_FAILURE, retry_after=5 if claimed.provider == "c" else 0)
        assert await calls.claim(ref) == []
        clock.advance(300)
    assert seen == ["a", "b", "c"] * 2


async def test_an_unanswered_call_is_waited_after_before_the_next_provider(calls: Calls, clock):
    ref = await routed(calls)
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.UNANSWERED, retry_after=5)
    assert await calls.claim(ref) == []
    clock.advance(5)
    (claimed,) = await calls.claim(ref)
    assert claimed.provider == "second"


async def test_who_asked_not_to_be_called_yet_is_left_alone_when_the_round_begins_anew(calls: Calls, clock):
    ref = await routed(calls, "a", "b", max_attempts=9)
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.TRANSIENT_FAILURE, retry_after=60)
    ended = (await calls.get(ref)).timeline[-1]
    assert [(one.rule, one.result) for one in ended.decisions] == [
        ("retry", "RETRYING"),
        ("retry_after", "2026-11-23T12:01:00.000000Z"),
    ]
    seen = []
    while clock.now() < NOON + dt.timedelta(seconds=59):
        for claimed in await calls.claim(ref):
            seen.append(claimed.provider)
            await calls.end(claimed, Outcome.TRANSIENT_FAILURE, retry_after=20)
        clock.advance(1)
    assert seen == ["b", "b", "b"]
    clock.advance(1)
    (claimed,) = await calls.claim(ref)
    assert claimed.provider == "a"


async def test_where_all_asked_for_time_the_first_whose_time_is_over_is_next(calls: Calls, clock):
    ref = await routed(calls, "a", "b", max_attempts=9)
    for retry_after in (60, 90):
        (claimed,) = await calls.claim(ref)
        await calls.end(claimed, Outcome.TRANSIENT_FAILURE, retry_after=retry_after)
    clock.advance(89)
    assert await calls.claim(ref) == []
    clock.advance(1)
    (claimed,) = await calls.claim(ref)
    assert claimed.provider == "a"


@pytest.mark.parametrize("how", ["breaker", "pause"])
async def test_nobody_is_led_to_one_that_asked_not_to_be_called_yet(calls: Calls, clock, how: str):
    ref = await routed(calls, "a", "b", max_attempts=9)
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.TRANSIENT_FAILURE, retry_after=60)
    if how == "pause":
        await calls.pause(provider="b")
    clock.advance(10)
    avoid = ["b"] if how == "breaker" else []
    assert await calls.claim(ref, avoid=avoid) == []
    clock.advance(50)
    (claimed,) = await calls.claim(ref, avoid=avoid)
    assert claimed.provider == "a"


async def test_with_one_provider_left_failures_do_not_go_round_at_once(calls: Calls, clock):
    """Else all attempts would be spent within a second."""
    ref = await routed(calls)
    (claimed,) = await calls.claim(ref, avoid=["second"])
    await calls.end(claimed, Outcome.TRANSIENT_FAILURE)
    assert await calls.claim(ref, avoid=["second"]) == []
    clock.advance(2)
    (claimed,) = await calls.claim(ref, avoid=["second"])
    assert claimed.provider == "first"


async def sms(calls: Calls, count: int) -> list[records_pb2.NotificationRef]:
    """So many taken over by twilio."""
    refs = [await routed(calls, "twilio", "other", channel=SMS) for _ in range(count)]
    for claimed in await calls.claim(*refs):
        await calls.end(claimed, Outcome.SUCCEEDED, provider_message_id=f"m-{claimed.ref.notification_id}")
    return refs


async def is_slow(calls: Calls) -> bool:
    return (await calls.exchange(state("twilio", channel=SMS)))["twilio"].receipts_slow


async def test_a_provider_that_does_not_report_in_time_comes_last_until_it_does(calls: Calls, clock):
    refs = await sms(calls, 20)
    clock.advance(59)
    assert not await is_slow(calls)
    clock.advance(6)
    assert await is_slow(calls)
    new = [await routed(calls, "twilio", "other", channel=SMS) for _ in range(40)]
    providers = [claimed.provider for claimed in await calls.claim(*new)]
    assert providers.count("other") > 30
    (alone,) = await calls.claim(await routed(calls, "twilio", channel=SMS))
    assert alone.provider == "twilio"
    await calls.receive(*(receipt(ref, enums_pb2.DELIVERED, provider="twilio") for ref in refs[:10]))
    clock.advance(6)
    assert not await is_slow(calls)


@pytest.mark.parametrize(("count", "later"), [(19, 65), (20, 400)])
async def test_a_few_or_old_ones_prove_nothing(calls: Calls, clock, count, later):
    await sms(calls, count)
    clock.advance(later)
    assert not await is_slow(calls)


async def test_a_claim_tells_what_a_worker_goes_by(calls: Calls, clock):
    later = NOON + dt.timedelta(seconds=10)
    wanted = await calls.recorded(category="news", not_before=later)
    critical, none = await calls.recorded(category="security"), await calls.recorded()
    clock.advance(10)
    claimed = {one.ref.notification_id: one for one in await calls.claim(wanted, critical, none)}
    told = [
        (claimed[ref.notification_id].asked.category, claimed[ref.notification_id].unsubscribable)
        for ref in (wanted, critical, none)
    ]
    assert told == [("news", True), ("security", False), ("", False)]
    assert claimed[wanted.notification_id].ready_time == to_timestamp(later)
