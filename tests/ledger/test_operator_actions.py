"""Cancelling, and replaying dead letters."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from proof.bench.plans import captured
from pulse.common.v1 import enums_pb2
from pulse.ledger.v1 import records_pb2
from shared.errors import Code, PulseError
from shared.times import to_duration
from tests.ledger.calls import TENANT, Calls, Outcome, moment, receipt
from tests.ledger.conftest import NOON

UNKNOWN = records_pb2.NotificationRef(tenant_id=TENANT, notification_id="01890000-0000-7000-8000-000000000000")


async def test_what_waits_can_be_cancelled_and_then_is_never_sent(calls: Calls, clock):
    scheduled = await calls.recorded(not_before=NOON + dt.timedelta(hours=1))
    queued, retrying = await calls.recorded(), await calls.recorded()
    (claimed,) = await calls.claim(retrying)
    await calls.end(claimed, Outcome.TRANSIENT_FAILURE)
    for ref in (scheduled, queued, retrying):
        assert (await calls.cancel(ref, actor="key-7")).status == enums_pb2.CANCELLED
    clock.advance(7200)
    assert await calls.claim(scheduled, queued, retrying) == []
    assert (await calls.get(queued)).timeline[-1].actor == "key-7"


async def test_only_who_cancels_what_tells_a_digest_waits_for_its_digest(calls: Calls):
    """To ask whether another can tell it is a round trip of its own."""
    plain = await calls.recorded()
    alone = await calls.recorded(category="news", lane=enums_pb2.LOW, digest_window=to_duration(3600))
    for ref, looks in ((plain, False), (alone, True)):
        with captured() as seen:
            assert (await calls.cancel(ref)).status == enums_pb2.CANCELLED
        assert any("FROM digests" in statement and "FOR UPDATE" in statement for statement in seen) is looks


async def test_cancelling_twice_is_no_error_and_one_event(calls: Calls):
    ref = await calls.recorded()
    answers = await asyncio.gather(*(calls.cancel(ref) for _ in range(5)))
    assert {answer.status for answer in answers} == {enums_pb2.CANCELLED}
    assert await calls.timeline(ref) == [("ACCEPTED", "QUEUED"), ("CANCELLED", "CANCELLED")]


async def test_what_is_being_sent_or_over_cannot_be_cancelled(calls: Calls):
    ref = await calls.recorded()
    (claimed,) = await calls.claim(ref)
    for outcome in (None, Outcome.SUCCEEDED):
        if outcome is not None:
            await calls.end(claimed, outcome)
        with pytest.raises(PulseError) as caught:
            await calls.cancel(ref)
        assert (caught.value.code, caught.value.reason) == (Code.FAILED_PRECONDITION, "NOT_CANCELLABLE")


async def test_either_the_cancel_or_the_claim_wins(calls: Calls):
    for _ in range(10):
        ref = await calls.recorded()
        claimed, cancelled = await asyncio.gather(calls.claim(ref), calls.cancel(ref), return_exceptions=True)
        assert isinstance(cancelled, PulseError) == (len(claimed) == 1)


async def test_nothing_cannot_be_cancelled_or_replayed(calls: Calls):
    foreign = await calls.recorded(tenant_id="other")
    foreign = records_pb2.NotificationRef(tenant_id=TENANT, notification_id=foreign.notification_id)
    for ref in (UNKNOWN, foreign, records_pb2.NotificationRef(tenant_id=TENANT, notification_id="7")):
        for intervene in (calls.cancel, calls.replay):
            with pytest.raises(PulseError) as caught:
                await intervene(ref)
            assert (caught.value.code, caught.value.reason) == (Code.NOT_FOUND, "NOTIFICATION_NOT_FOUND")


async def dead(calls: Calls, how: str) -> records_pb2.NotificationRef:
    ref = await calls.recorded(delivery_guarantee=enums_pb2.AT_MOST_ONCE, max_attempts=2, route=["first", "second"])
    (claimed,) = await calls.claim(ref)
    if how == "FAILED":
        await calls.end(claimed, Outcome.PERMANENT_FAILURE)
    elif how == "UNKNOWN":
        await calls.end(claimed, Outcome.UNANSWERED)
    else:
        await calls.end(claimed, Outcome.SUCCEEDED, provider_message_id="m-1")
        await calls.receive(receipt(ref, enums_pb2.UNDELIVERED))
    assert await calls.status(ref) == how
    return ref


@pytest.mark.parametrize("how", ["FAILED", "UNKNOWN", "UNDELIVERED"])
async def test_a_dead_letter_goes_on_its_way_again_with_all_its_attempts(calls: Calls, clock, how):
    ref = await dead(calls, how)
    replayed = await calls.replay(ref, actor="ops")
    assert (enums_pb2.Status.Name(replayed.status), replayed.attempt_count, replayed.max_attempts) == ("QUEUED", 1, 3)
    assert [drawn.notification_id for drawn in (await calls.draw()).refs] == [ref.notification_id]
    attempts = []
    for _ in range(2):
        (claimed,) = await calls.claim(ref)
        attempts.append((claimed.attempt, claimed.fence, claimed.provider))
        await calls.end(claimed, Outcome.TRANSIENT_FAILURE)
        clock.advance(900)
    assert attempts == [(2, 2, "first"), (3, 3, "second")]
    assert await calls.status(ref) == "FAILED"
    assert ("REPLAYED", "QUEUED") in await calls.timeline(ref)


async def test_the_back_off_begins_anew_after_a_replay(calls: Calls):
    ref = await dead(calls, "FAILED")
    await calls.replay(ref)
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.TRANSIENT_FAILURE)
    assert moment((await calls.get(ref)).next_attempt_time) <= NOON + dt.timedelta(seconds=2)


async def test_what_is_no_dead_letter_is_not_replayed(calls: Calls, clock):
    cancelled, expired = await calls.recorded(), await calls.recorded(expires_at=NOON + dt.timedelta(seconds=30))
    await calls.cancel(cancelled)
    (claimed,) = await calls.claim(expired)
    await calls.end(claimed, Outcome.PERMANENT_FAILURE)
    clock.advance(60)
    for ref in (cancelled, expired):
        with pytest.raises(PulseError) as caught:
            await calls.replay(ref)
        assert (caught.value.code, caught.value.reason) == (Code.FAILED_PRECONDITION, "NOT_REPLAYABLE")
