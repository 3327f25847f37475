"""Claims, leases, fences and settlements."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from pulse.common.v1 import enums_pb2, notification_pb2
from pulse.ledger.v1 import records_pb2
from services.ledger.rules.delivery import Outcome as Names
from shared.errors import Code, PulseError
from tests.ledger.calls import TENANT, Calls, Outcome, moment, settlement, status_names
from tests.ledger.conftest import NOON

AT_MOST_ONCE = enums_pb2.AT_MOST_ONCE
UNKNOWN = records_pb2.NotificationRef(tenant_id=TENANT, notification_id="01890000-0000-7000-8000-000000000000")
NONSENSE = (
    records_pb2.NotificationRef(tenant_id="a\0", notification_id=UNKNOWN.notification_id),
    records_pb2.NotificationRef(),
)


async def test_a_claim_gives_all_that_is_needed_to_send(calls: Calls):
    entry = calls.entry(subject="Hi", locale="de", expires_at=NOON + dt.timedelta(hours=1))
    await calls.record(entry)
    (claimed,) = await calls.claim(entry.ref, lease=12)
    assert (claimed.ref, claimed.fence, claimed.attempt, claimed.provider) == (entry.ref, 1, 1, "smtp")
    for field in ("user_id", "subject", "context_json", "template_name", "template_version", "locale"):
        assert getattr(claimed.asked, field) == getattr(entry.asked, field)
    assert (claimed.to, claimed.lane) == (entry.asked.to, entry.lane)
    assert moment(claimed.lease_until) == NOON + dt.timedelta(seconds=12)
    assert moment(claimed.expires_at) == NOON + dt.timedelta(hours=1)
    assert await calls.timeline(entry.ref) == [("ACCEPTED", "QUEUED"), ("ATTEMPT_STARTED", "SENDING")]


async def test_what_is_held_unknown_foreign_or_ended_is_left_out(calls: Calls):
    held, ended, free = [await calls.recorded() for _ in range(3)]
    await calls.claim(held)
    await calls.cancel(ended)
    foreign = records_pb2.NotificationRef(tenant_id="other", notification_id=free.notification_id)
    claimed = await calls.claim(held, ended, UNKNOWN, foreign, *NONSENSE, free, free, free)
    assert [one.ref for one in claimed] == [free]


async def test_of_many_concurrent_claims_one_gets_it(calls: Calls):
    refs = [await calls.recorded() for _ in range(10)]
    batches = await asyncio.gather(*(calls.claim(*(refs if n % 2 else refs[::-1])) for n in range(10)))
    claimed = sorted(one.ref.notification_id for batch in batches for one in batch)
    assert claimed == sorted(ref.notification_id for ref in refs)


async def test_a_success_is_sent(calls: Calls, clock):
    ref = await calls.recorded()
    (claimed,) = await calls.claim(ref)
    clock.advance(2)
    result = await calls.end(claimed, Outcome.SUCCEEDED, provider_message_id="m-1")
    assert (result.applied, status_names([result])) == (True, ["SENT"])
    found = await calls.get(ref)
    assert (found.provider, found.provider_message_id, found.attempt_count) == ("smtp", "m-1", 1)
    assert moment(found.sent_time) == NOON + dt.timedelta(seconds=2)
    assert [event.sequence for event in found.timeline] == [1, 2, 3]


async def test_the_same_settlement_twice_changes_nothing(calls: Calls):
    (claimed,) = await calls.claim(await calls.recorded())
    results = await calls.settle(*[settlement(claimed, Outcome.SUCCEEDED)] * 2)
    again = await calls.end(claimed, Outcome.PERMANENT_FAILURE)
    assert [result.applied for result in (*results, again)] == [True, False, False]
    assert status_names([*results, again]) == ["SENT"] * 3


async def test_a_stale_fence_settles_nothing(calls: Calls, clock):
    ref = await calls.recorded()
    (old,) = await calls.claim(ref, lease=12)
    clock.advance(12)
    (new,) = await calls.claim(ref, lease=12)
    late = await calls.end(old, Outcome.PERMANENT_FAILURE)
    assert (late.applied, status_names([late])) == (False, ["SENDING"])
    assert (old.fence, new.fence, new.attempt) == (1, 2, 2)
    assert (await calls.end(new, Outcome.SUCCEEDED)).applied
    assert await calls.timeline(ref) == [
        ("ACCEPTED", "QUEUED"),
        ("ATTEMPT_STARTED", "SENDING"),
        ("ATTEMPT_ENDED", "RETRYING"),
        ("ATTEMPT_STARTED", "SENDING"),
        ("ATTEMPT_ENDED", "SENT"),
    ]


async def test_a_settlement_of_nothing_is_told(calls: Calls):
    nothing = (UNKNOWN, *NONSENSE)
    results = await calls.settle(*(records_pb2.Settlement(ref=ref, outcome=Outcome.SUCCEEDED) for ref in nothing))
    assert [(result.applied, result.status) for result in results] == [(False, 0)] * 3


async def test_a_settlement_without_an_outcome_is_refused(calls: Calls):
    (claimed,) = await calls.claim(await calls.recorded())
    with pytest.raises(PulseError) as caught:
        await calls.end(claimed, Outcome.OUTCOME_UNSPECIFIED)
    assert caught.value.code is Code.INVALID_ARGUMENT


async def test_an_expired_lease_is_an_unanswered_attempt(calls: Calls, clock):
    ref = await calls.recorded()
    await calls.claim(ref, lease=12)
    clock.advance(12)
    await calls.claim(ref)
    (lost,) = [event for event in (await calls.get(ref)).timeline if event.kind == Outcome.ATTEMPT_ENDED]
    assert (lost.attempt, lost.outcome, lost.failure.code) == (1, Outcome.UNANSWERED, "LEASE_EXPIRED")


@pytest.mark.parametrize("how", ["settled", "lost"])
async def test_at_most_once_is_never_tried_again_after_an_unanswered_call(calls: Calls, clock, how):
    ref = await calls.recorded(delivery_guarantee=AT_MOST_ONCE)
    (claimed,) = await calls.claim(ref, lease=12)
    if how == "settled":
        await calls.end(claimed, Outcome.UNANSWERED, code="TIMED_OUT")
    clock.advance(3600)
    assert await calls.claim(ref) == []
    assert await calls.status(ref) == "UNKNOWN"
    assert (await calls.get(ref)).attempt_count == 1


async def test_at_most_once_is_tried_again_after_a_refusal(calls: Calls, clock):
    """A provider that refused did not send."""
    ref = await calls.recorded(delivery_guarantee=AT_MOST_ONCE)
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.TRANSIENT_FAILURE)
    clock.advance(300)
    assert len(await calls.claim(ref)) == 1


@pytest.mark.parametrize("outcome", [Outcome.TRANSIENT_FAILURE, Outcome.UNANSWERED])
async def test_attempts_end(calls: Calls, clock, outcome):
    ref = await calls.recorded(max_attempts=3)
    for attempt in (1, 2, 3):
        (claimed,) = await calls.claim(ref)
        assert claimed.attempt == attempt
        await calls.end(claimed, outcome, code="BUSY")
        clock.advance(3600)
    assert await calls.claim(ref) == []
    found = await calls.get(ref)
    assert (enums_pb2.Status.Name(found.status), found.attempt_count, found.failure.code) == ("FAILED", 3, "BUSY")


async def test_lost_leases_use_up_attempts_too(calls: Calls, clock):
    ref = await calls.recorded(max_attempts=2)
    for _ in range(3):
        await calls.claim(ref, lease=12)
        clock.advance(12)
    assert await calls.timeline(ref) == [
        ("ACCEPTED", "QUEUED"),
        ("ATTEMPT_STARTED", "SENDING"),
        ("ATTEMPT_ENDED", "RETRYING"),
        ("ATTEMPT_STARTED", "SENDING"),
        ("ATTEMPT_ENDED", "FAILED"),
    ]


async def test_a_failure_for_good_is_a_dead_letter_at_once(calls: Calls):
    ref = await calls.recorded()
    (claimed,) = await calls.claim(ref)
    result = await calls.end(claimed, Outcome.PERMANENT_FAILURE, code="NO_SUCH_MAILBOX")
    assert status_names([result]) == ["FAILED"]
    assert (await calls.get(ref)).failure.code == "NO_SUCH_MAILBOX"


async def test_a_retry_waits_for_its_time(calls: Calls, clock):
    ref = await calls.recorded()
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.TRANSIENT_FAILURE, retry_after=60)
    found = await calls.get(ref)
    wait = (moment(found.next_attempt_time) - NOON).total_seconds()
    assert wait == 60
    clock.advance(wait - 0.001)
    assert await calls.claim(ref) == []
    clock.advance(0.001)
    assert len(await calls.claim(ref)) == 1


async def test_what_a_provider_asks_for_is_clamped(calls: Calls):
    ref = await calls.recorded()
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.TRANSIENT_FAILURE, retry_after=10**6)
    assert moment((await calls.get(ref)).next_attempt_time) == NOON + dt.timedelta(seconds=3600)


async def test_the_next_provider_of_the_route_goes_on_and_after_the_last_the_first(calls: Calls, clock):
    ref = await calls.recorded(route=["first", "second"], max_attempts=4)
    providers = []
    for _ in range(3):
        (claimed,) = await calls.claim(ref)
        providers.append(claimed.provider)
        await calls.end(claimed, Outcome.TRANSIENT_FAILURE)
        clock.advance(900)
    assert providers == ["first", "second", "first"]


async def test_a_success_clears_the_failure_before_it(calls: Calls, clock):
    ref = await calls.recorded()
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.TRANSIENT_FAILURE, code="BUSY")
    clock.advance(900)
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.SUCCEEDED)
    assert not (await calls.get(ref)).HasField("failure")


async def test_what_is_released_costs_no_attempt(calls: Calls):
    ref = await calls.recorded(max_attempts=1)
    (claimed,) = await calls.claim(ref)
    result = await calls.end(claimed, Outcome.RELEASED)
    assert status_names([result]) == ["QUEUED"]
    assert (await calls.get(ref)).attempt_count == 0
    (again,) = await calls.claim(ref)
    assert (again.attempt, again.fence) == (1, 2)


async def test_what_is_released_rests_as_long_as_was_asked(calls: Calls, clock):
    (claimed,) = await calls.claim(await calls.recorded())
    await calls.end(claimed, Outcome.RELEASED, retry_after=30)
    assert list((await calls.draw()).refs) == []
    clock.advance(30)
    assert [ref.notification_id for ref in (await calls.draw()).refs] == [claimed.ref.notification_id]


async def test_no_attempt_begins_after_the_time_to_live(calls: Calls, clock):
    ref = await calls.recorded(expires_at=NOON + dt.timedelta(seconds=60))
    clock.advance(60)
    assert await calls.claim(ref) == []
    assert await calls.timeline(ref) == [("ACCEPTED", "QUEUED"), ("EXPIRED", "EXPIRED")]


@pytest.mark.parametrize("outcome", [Outcome.TRANSIENT_FAILURE, Outcome.UNANSWERED])
async def test_a_retry_that_would_come_too_late_is_not_planned(calls: Calls, outcome):
    ref = await calls.recorded(expires_at=NOON + dt.timedelta(seconds=60))
    (claimed,) = await calls.claim(ref)
    result = await calls.end(claimed, outcome, retry_after=60)
    assert status_names([result]) == ["EXPIRED"]
    assert (await calls.timeline(ref))[-2:] == [("ATTEMPT_ENDED", "RETRYING"), ("EXPIRED", "EXPIRED")]


async def test_a_lost_attempt_is_told_before_its_notification_expires(calls: Calls, clock):
    ref = await calls.recorded(expires_at=NOON + dt.timedelta(seconds=60))
    await calls.claim(ref, lease=12)
    clock.advance(60)
    assert await calls.claim(ref) == []
    assert (await calls.timeline(ref))[-2:] == [("ATTEMPT_ENDED", "RETRYING"), ("EXPIRED", "EXPIRED")]


async def test_every_outcome_can_be_settled(calls: Calls):
    """None is missing from the rules, and every one ends in a status."""
    claims = await calls.claim(*[await calls.recorded() for _ in Names.known()])
    results = await calls.settle(
        *(settlement(claim, Outcome.Outcome.Value(name)) for claim, name in zip(claims, Names.known(), strict=True))
    )
    assert status_names(results) == ["SENT", "RETRYING", "FAILED", "RETRYING", "QUEUED"]


async def test_words_of_a_provider_never_lose_an_outcome(calls: Calls):
    ref = await calls.recorded()
    (claimed,) = await calls.claim(ref, worker="w\0")
    words = {"provider_message_id": "m\0" + "x" * 5000, "code": "\0" * 3000}
    assert (await calls.end(claimed, Outcome.PERMANENT_FAILURE, **words)).applied
    assert (await calls.get(ref)).failure.code.startswith("\N{REPLACEMENT CHARACTER}")


async def test_attempts_can_be_read_as_a_table(calls: Calls, clock, database):
    ref = await calls.recorded()
    await calls.claim(ref, worker="w-1", lease=12)
    clock.advance(12)
    (claimed,) = await calls.claim(ref, worker="w-2")
    await calls.end(claimed, Outcome.SUCCEEDED, provider_message_id="m-1")
    seen = database.rows("SELECT attempt, fence, worker, outcome, provider_message_id FROM attempts ORDER BY fence")
    assert seen == [(1, 1, "w-1", "UNANSWERED", None), (2, 2, "w-2", "SUCCEEDED", "m-1")]


@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.TRANSIENT_FAILURE, Outcome.PERMANENT_FAILURE])
async def test_what_a_worker_decided_on_the_way_stands_in_the_timeline(calls: Calls, outcome: Outcome.Outcome):
    ref = await calls.recorded()
    (claimed,) = await calls.claim(ref)
    told = [notification_pb2.Decision(rule="copy", result="SUPPRESSED", reason=f"cc {n}: by hand") for n in range(25)]
    assert (await calls.end(claimed, outcome, decisions=told)).applied
    event = (await calls.get(ref)).timeline[-1]
    assert [one for one in event.decisions if one.rule == "copy"] == told[:20]
    assert ("retry" in [one.rule for one in event.decisions]) is (outcome == Outcome.TRANSIENT_FAILURE)
