"""Receipts: they move a state forward or not at all, and none is lost."""

from __future__ import annotations

import pytest

from pulse.common.v1 import enums_pb2
from pulse.ledger.v1 import records_pb2
from tests.ledger.calls import TENANT, Calls, Outcome, receipt, status_names

DELIVERED, UNDELIVERED, SENT = enums_pb2.DELIVERED, enums_pb2.UNDELIVERED, enums_pb2.SENT


async def sent(calls: Calls) -> records_pb2.NotificationRef:
    ref = await calls.recorded()
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.SUCCEEDED, provider_message_id="m-1")
    return ref


@pytest.mark.parametrize("reported", [DELIVERED, UNDELIVERED])
async def test_a_receipt_moves_what_was_sent(calls: Calls, reported):
    ref = await sent(calls)
    failure = {"failure": {"code": "30003", "message": "unreachable"}} if reported == UNDELIVERED else {}
    (result,) = await calls.receive(receipt(ref, reported, **failure))
    found = await calls.get(ref)
    assert (result.applied, found.status) == (True, reported)
    assert found.HasField("delivered_time") == (reported == DELIVERED)
    assert found.failure.code == ("30003" if failure else "")


async def test_the_same_receipt_again_changes_nothing(calls: Calls):
    ref = await sent(calls)
    results = await calls.receive(receipt(ref, DELIVERED), receipt(ref, DELIVERED))
    (again,) = await calls.receive(receipt(ref, DELIVERED))
    assert [result.applied for result in (*results, again)] == [True, False, False]
    assert len(await calls.timeline(ref)) == 4


async def test_a_later_receipt_never_moves_backward(calls: Calls):
    ref = await sent(calls)
    await calls.receive(receipt(ref, DELIVERED))
    results = await calls.receive(receipt(ref, UNDELIVERED), receipt(ref, SENT))
    assert status_names(results) == ["DELIVERED"] * 2
    assert (await calls.timeline(ref))[-2:] == [("RECEIPT", "DELIVERED")] * 2


async def test_what_is_neither_delivered_nor_undelivered_is_kept_in_the_timeline_only(calls: Calls):
    ref = await sent(calls)
    (result,) = await calls.receive(receipt(ref, SENT))
    assert (result.applied, status_names([result])) == (True, ["SENT"])
    (event,) = [event for event in (await calls.get(ref)).timeline if event.kind == Outcome.RECEIPT]
    assert [(one.rule, one.result) for one in event.decisions] == [("receipt", "SENT")]


async def test_receipts_of_nothing_are_told(calls: Calls):
    unknown = records_pb2.NotificationRef(tenant_id=TENANT, notification_id="01890000-0000-7000-8000-000000000000")
    unsent = await calls.recorded()
    results = await calls.receive(receipt(unknown, DELIVERED), receipt(unsent, DELIVERED), receipt(unsent, 0))
    assert [result.applied for result in results] == [False] * 3
    assert await calls.status(unsent) == "QUEUED"


@pytest.mark.parametrize(
    ("outcome", "reported", "message_id", "ends"),
    [
        (Outcome.SUCCEEDED, DELIVERED, "m-1", "DELIVERED"),
        (Outcome.SUCCEEDED, UNDELIVERED, "m-1", "UNDELIVERED"),
        (Outcome.SUCCEEDED, UNDELIVERED, "m-of-another-attempt", "SENT"),
        (Outcome.UNANSWERED, DELIVERED, "m-1", "DELIVERED"),
        (Outcome.UNANSWERED, UNDELIVERED, "m-2", "RETRYING"),
        (Outcome.TRANSIENT_FAILURE, DELIVERED, "m-1", "DELIVERED"),
        (Outcome.RELEASED, DELIVERED, "m-1", "DELIVERED"),
    ],
)
async def test_a_receipt_that_overtakes_the_settlement_counts_when_it_comes(
    calls: Calls, outcome, reported, message_id, ends
):
    ref = await calls.recorded()
    (claimed,) = await calls.claim(ref)
    (early,) = await calls.receive(receipt(ref, reported, message_id))
    settled = await calls.end(claimed, outcome, provider_message_id="m-1")
    assert status_names([early, settled]) == ["SENDING", ends]
    assert [kind for kind, _ in await calls.timeline(ref)][2:4] == ["RECEIPT", "ATTEMPT_ENDED"]


async def test_a_delivery_in_hand_outweighs_a_later_early_receipt(calls: Calls):
    ref = await calls.recorded()
    (claimed,) = await calls.claim(ref)
    await calls.receive(receipt(ref, DELIVERED), receipt(ref, UNDELIVERED))
    assert status_names([await calls.end(claimed, Outcome.SUCCEEDED, provider_message_id="m-1")]) == ["DELIVERED"]


async def test_a_delivered_notification_is_not_sent_again_when_its_worker_is_lost(calls: Calls, clock):
    ref = await calls.recorded()
    await calls.claim(ref, lease=12)
    await calls.receive(receipt(ref, DELIVERED))
    clock.advance(12)
    assert await calls.claim(ref) == []
    assert await calls.status(ref) == "DELIVERED"


@pytest.mark.parametrize(
    ("reported", "ends"), [(DELIVERED, "DELIVERED"), (UNDELIVERED, "RETRYING"), (SENT, "RETRYING")]
)
async def test_a_receipt_can_end_the_retries_of_an_unanswered_attempt(calls: Calls, clock, reported, ends):
    ref = await calls.recorded()
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.UNANSWERED)
    await calls.receive(receipt(ref, reported))
    assert await calls.status(ref) == ends
    clock.advance(3600)
    assert len((await calls.draw()).refs) == (ends == "RETRYING")


@pytest.mark.parametrize(("reported", "ends"), [(DELIVERED, "DELIVERED"), (UNDELIVERED, "UNDELIVERED")])
async def test_a_receipt_answers_what_was_unknown(calls: Calls, reported, ends):
    ref = await calls.recorded(delivery_guarantee=enums_pb2.AT_MOST_ONCE)
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.UNANSWERED)
    await calls.receive(receipt(ref, reported))
    assert await calls.status(ref) == ends


async def test_a_receipt_for_a_dead_letter_is_kept_in_its_timeline(calls: Calls):
    """One terminal state is all a notification reaches; an operator sees what came later."""
    ref = await calls.recorded()
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.PERMANENT_FAILURE)
    await calls.receive(receipt(ref, DELIVERED))
    assert (await calls.timeline(ref))[-1] == ("RECEIPT", "FAILED")
