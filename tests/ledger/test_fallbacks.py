"""Channels that take over: in time, for good, and once."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from pulse.common.v1 import enums_pb2
from pulse.ledger.v1 import records_pb2
from shared.errors import Code, PulseError
from tests.ledger.calls import Calls, Outcome, fallback, moment, receipt, status_names
from tests.ledger.conftest import NOON
from tests.ledger.following import events

PUSH, SMS, EMAIL = enums_pb2.PUSH, enums_pb2.SMS, enums_pb2.EMAIL
DELIVERED, UNDELIVERED = enums_pb2.DELIVERED, enums_pb2.UNDELIVERED
NUMBER = "+4915112345678"


async def pushed(calls: Calls, *fallbacks: records_pb2.RoutedFallback, **fields) -> records_pb2.NotificationRef:
    """Recorded for a push, with ``fallbacks``: an SMS after 30 s unless told otherwise."""
    values = {"channel": PUSH, "to": "token-1", "route": ["fcm"], "fallbacks": fallbacks or (fallback(),)}
    return await calls.recorded(**(values | fields))


async def sent(calls: Calls, ref: records_pb2.NotificationRef, message_id: str = "m-1") -> None:
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.SUCCEEDED, provider_message_id=message_id)


async def drawn(calls: Calls) -> list[str]:
    return [ref.notification_id for ref in (await calls.draw()).refs]


@pytest.mark.parametrize(
    ("fallbacks", "hours"), [([fallback(after=48 * 3600)], 48), ([fallback(after=3600), fallback(after=None)], 1)]
)
async def test_a_key_outlives_the_last_of_the_channels(calls: Calls, clock, fallbacks, hours: int):
    """Else a repeated request would be sent while the first one still is."""
    ref = await pushed(calls, *fallbacks, key="key-1")
    clock.advance((24 + hours) * 3600 - 1)
    (again,) = await calls.record(calls.entry("key-1"))
    assert (again.notification_id, again.replayed) == (ref.notification_id, True)
    clock.advance(20 * 3600 + 1)
    (another,) = await calls.record(calls.entry("key-1"))
    assert not another.replayed


async def test_a_push_that_does_not_arrive_becomes_an_sms(calls: Calls, clock):
    ref = await pushed(calls)
    await sent(calls, ref)
    clock.advance(29.9)
    assert await drawn(calls) == []
    assert await calls.claim(ref) == []
    clock.advance(0.1)
    assert await drawn(calls) == [ref.notification_id]
    (claimed,) = await calls.claim(ref)
    assert (claimed.channel, claimed.to, claimed.provider, claimed.attempt) == (SMS, NUMBER, "twilio", 2)
    await calls.end(claimed, Outcome.SUCCEEDED, provider_message_id="m-2")
    found = await calls.get(ref)
    assert (found.status, found.channel, found.to) == (enums_pb2.SENT, SMS, NUMBER)
    (moved,) = [event for event in found.timeline if event.kind == Outcome.FALLBACK]
    assert [(one.rule, one.result) for one in moved.decisions] == [("fallback", "SMS")]
    assert [(one.channel, one.to, one.after.seconds) for one in found.fallbacks] == [(SMS, NUMBER, 30)]
    assert await calls.timeline(ref) == [
        ("ACCEPTED", "QUEUED"),
        ("ATTEMPT_STARTED", "SENDING"),
        ("ATTEMPT_ENDED", "SENT"),
        ("FALLBACK", "QUEUED"),
        ("ATTEMPT_STARTED", "SENDING"),
        ("ATTEMPT_ENDED", "SENT"),
    ]


@pytest.mark.parametrize("how", ["receipt", "acknowledgement"])
async def test_what_arrives_in_time_goes_no_other_way(calls: Calls, clock, how):
    ref = await pushed(calls)
    await sent(calls, ref)
    clock.advance(29)
    if how == "receipt":
        await calls.receive(receipt(ref, DELIVERED, provider="fcm"))
    else:
        assert (await calls.acknowledge(ref)).status == DELIVERED
        assert (await calls.acknowledge(ref)).status == DELIVERED
    clock.advance(3600)
    assert await drawn(calls) == []
    assert await calls.claim(ref) == []
    assert len(await calls.timeline(ref)) == 4


async def test_one_of_twenty_who_look_moves_it_on(calls: Calls, clock):
    refs = [await pushed(calls) for _ in range(5)]
    for ref in refs:
        await sent(calls, ref)
    clock.advance(30)
    batches = await asyncio.gather(*(calls.claim(*(refs if n % 2 else refs[::-1])) for n in range(20)))
    claimed = [one for batch in batches for one in batch]
    assert sorted(one.ref.notification_id for one in claimed) == sorted(ref.notification_id for ref in refs)
    for ref in refs:
        assert [kind for kind, _ in await calls.timeline(ref)].count("FALLBACK") == 1


async def test_a_settlement_and_claims_at_once_make_one_step(calls: Calls, clock):
    """Whichever comes first: the push is settled before it is left, or its lease is still respected."""
    for _ in range(5):
        ref = await pushed(calls)
        (claimed,) = await calls.claim(ref, lease=60)
        clock.advance(30)
        end = calls.end(claimed, Outcome.SUCCEEDED, provider_message_id="m-1")
        results = await asyncio.gather(end, *(calls.claim(ref) for _ in range(6)))
        claims = [one for batch in results[1:] for one in batch] or await calls.claim(ref)
        assert [(one.channel, one.fence) for one in claims] == [(SMS, 2)]
        assert results[0].applied


async def test_receipts_and_claims_at_once_leave_one_end(calls: Calls, clock):
    """Either it is DELIVERED and nothing follows, or the SMS is under way and it is DELIVERED once that is settled."""
    for _ in range(5):
        ref = await pushed(calls)
        await sent(calls, ref)
        clock.advance(30)
        delivered = calls.receive(receipt(ref, DELIVERED, provider="fcm"))
        results = await asyncio.gather(delivered, *(calls.claim(ref) for _ in range(4)))
        for claimed in [one for batch in results[1:] for one in batch]:
            assert claimed.channel == SMS
            await calls.end(claimed, Outcome.SUCCEEDED, provider_message_id="m-2")
        assert await calls.status(ref) == "DELIVERED"
        assert [kind for kind, _ in await calls.timeline(ref)].count("FALLBACK") <= 1


async def test_wake_ups_that_are_lost_are_drawn_again(calls: Calls, clock):
    """As when the broker is wiped: drawn, never claimed, drawn again; the step is made when it is claimed."""
    ref = await pushed(calls)
    await sent(calls, ref)
    clock.advance(30)
    for _ in range(3):
        assert await drawn(calls) == [ref.notification_id]
        clock.advance(10)
    assert len(await calls.claim(ref)) == 1
    assert [kind for kind, _ in await calls.timeline(ref)].count("FALLBACK") == 1


@pytest.mark.parametrize("how", ["refused", "undelivered", "exhausted"])
async def test_what_fails_for_good_moves_on_at_once(calls: Calls, clock, how):
    ref = await pushed(calls, fallback(after=None), max_attempts=1)
    (claimed,) = await calls.claim(ref)
    if how == "undelivered":
        await calls.end(claimed, Outcome.SUCCEEDED, provider_message_id="m-1")
        (result,) = await calls.receive(receipt(ref, UNDELIVERED, provider="fcm"))
    else:
        outcome = Outcome.PERMANENT_FAILURE if how == "refused" else Outcome.TRANSIENT_FAILURE
        result = await calls.end(claimed, outcome, code="UNREGISTERED")
    assert status_names([result]) == ["QUEUED"]
    assert await drawn(calls) == [ref.notification_id]
    (claimed,) = await calls.claim(ref)
    assert (claimed.channel, claimed.attempt) == (SMS, 2)
    assert status_names([await calls.end(claimed, Outcome.PERMANENT_FAILURE)]) == ["FAILED"]
    assert len((await calls.dead_letters()).dead_letters) == 1


async def test_only_the_last_channel_makes_a_dead_letter(calls: Calls):
    ref = await pushed(calls, fallback(after=None))
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.PERMANENT_FAILURE)
    assert list((await calls.dead_letters()).dead_letters) == []


async def test_legs_follow_each_other_each_counted_from_the_one_before(calls: Calls, clock):
    ref = await pushed(calls, fallback(), fallback(EMAIL, "ada@example.com", 120))
    await sent(calls, ref)
    clock.advance(35)
    await sent(calls, ref, "m-2")
    clock.advance(119)
    assert await calls.claim(ref) == []
    clock.advance(1)
    (claimed,) = await calls.claim(ref)
    assert (claimed.channel, claimed.to, claimed.provider) == (EMAIL, "ada@example.com", "smtp")


async def test_every_channel_has_all_its_attempts(calls: Calls, clock):
    ref = await pushed(calls, fallback(after=None), max_attempts=2)
    channels = []
    while claims := await calls.claim(ref):
        channels.append(claims[0].channel)
        await calls.end(claims[0], Outcome.TRANSIENT_FAILURE)
        clock.advance(900)
    assert channels == [PUSH, PUSH, SMS, SMS]
    assert await calls.status(ref) == "FAILED"


async def test_retries_do_not_keep_the_next_channel_waiting(calls: Calls, clock):
    ref = await pushed(calls)
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.TRANSIENT_FAILURE, retry_after=600)
    clock.advance(30)
    assert await drawn(calls) == [ref.notification_id]
    (claimed,) = await calls.claim(ref)
    assert claimed.channel == SMS


async def test_what_a_worker_holds_is_left_to_it(calls: Calls, clock):
    ref = await pushed(calls)
    (claimed,) = await calls.claim(ref, lease=60)
    clock.advance(45)
    assert await calls.claim(ref) == []
    await calls.end(claimed, Outcome.SUCCEEDED, provider_message_id="m-1")
    assert await drawn(calls) == [ref.notification_id]


async def test_a_fallback_counts_from_when_the_one_before_may_be_sent(calls: Calls, clock):
    ref = await pushed(calls, not_before=NOON + dt.timedelta(hours=1))
    clock.advance(3600)
    await sent(calls, ref)
    clock.advance(29)
    assert await calls.claim(ref) == []
    clock.advance(1)
    assert len(await calls.claim(ref)) == 1


async def test_a_late_delivery_by_a_channel_that_was_left_ends_it(calls: Calls, clock):
    ref = await pushed(calls)
    await sent(calls, ref)
    clock.advance(30)
    await sent(calls, ref, "m-2")
    await calls.receive(receipt(ref, DELIVERED, "m-1", provider="fcm"))
    assert await calls.status(ref) == "DELIVERED"


@pytest.mark.parametrize("message_id", ["m-1", ""])
@pytest.mark.parametrize("when", ["before", "under way", "after"])
async def test_a_late_failure_by_a_channel_that_was_left_changes_nothing(calls: Calls, clock, when, message_id):
    ref = await pushed(calls, fallback(), fallback(EMAIL, "ada@example.com", None))
    await sent(calls, ref)
    clock.advance(30)
    failed = receipt(ref, UNDELIVERED, message_id, provider="fcm")
    (claimed,) = await calls.claim(ref)
    if when == "under way":
        await calls.receive(failed)
    await calls.end(claimed, Outcome.SUCCEEDED, provider_message_id=message_id)
    if when == "after":
        await calls.receive(failed)
    assert await calls.status(ref) == "SENT"
    await calls.receive(receipt(ref, UNDELIVERED, message_id, provider="twilio"))
    assert await calls.status(ref) == "QUEUED"


async def test_at_most_once_does_not_go_another_way_while_nobody_knows(calls: Calls, clock):
    """It may have arrived; an answer that comes late moves it on."""
    ref = await pushed(calls, delivery_guarantee=enums_pb2.AT_MOST_ONCE)
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.UNANSWERED)
    clock.advance(3600)
    assert await calls.claim(ref) == []
    assert await calls.status(ref) == "UNKNOWN"
    await calls.receive(receipt(ref, UNDELIVERED, provider="fcm"))
    assert await calls.status(ref) == "QUEUED"


async def test_nothing_moves_on_after_the_time_to_live(calls: Calls, clock):
    ref = await pushed(calls, expires_at=NOON + dt.timedelta(seconds=20))
    await sent(calls, ref)
    clock.advance(30)
    await drawn(calls)
    assert await calls.claim(ref) == []
    assert await calls.status(ref) == "SENT"
    clock.advance(3600)
    assert await drawn(calls) == []


async def test_a_retry_that_would_come_too_late_gives_way_to_the_next_channel(calls: Calls):
    ref = await pushed(calls, fallback(after=None), expires_at=NOON + dt.timedelta(seconds=60))
    (claimed,) = await calls.claim(ref)
    result = await calls.end(claimed, Outcome.TRANSIENT_FAILURE, retry_after=60)
    assert status_names([result]) == ["QUEUED"]
    (claimed,) = await calls.claim(ref)
    assert claimed.channel == SMS


async def test_a_replay_goes_on_with_the_channel_that_died(calls: Calls):
    ref = await pushed(calls, fallback(after=None))
    for _ in range(2):
        (claimed,) = await calls.claim(ref)
        await calls.end(claimed, Outcome.PERMANENT_FAILURE)
    await calls.replay(ref)
    (claimed,) = await calls.claim(ref)
    assert (claimed.channel, claimed.attempt) == (SMS, 3)


async def test_an_acknowledgement_during_the_call_counts_when_that_has_ended(calls: Calls):
    ref = await pushed(calls)
    (claimed,) = await calls.claim(ref)
    assert (await calls.acknowledge(ref)).status == enums_pb2.SENDING
    assert (await calls.acknowledge(ref)).status == enums_pb2.SENDING
    assert status_names([await calls.end(claimed, Outcome.UNANSWERED)]) == ["DELIVERED"]
    assert [event.actor for event in (await calls.get(ref)).timeline if event.kind == Outcome.RECEIPT] == ["phone"]


async def test_only_what_was_sent_can_be_acknowledged(calls: Calls):
    ref = await pushed(calls)
    for wrong, code in [(ref, Code.FAILED_PRECONDITION), (other(ref), Code.NOT_FOUND)]:
        with pytest.raises(PulseError) as caught:
            await calls.acknowledge(wrong)
        assert caught.value.code is code


def other(ref: records_pb2.NotificationRef) -> records_pb2.NotificationRef:
    return records_pb2.NotificationRef(tenant_id="globex", notification_id=ref.notification_id)


async def test_it_is_not_at_rest_while_another_channel_may_take_over(calls: Calls, clock):
    ref = await pushed(calls)
    await sent(calls, ref)
    (found,) = await events(calls, (ref, 0))
    assert (found.last_sequence, found.at_rest) == (3, False)
    clock.advance(30)
    await sent(calls, ref, "m-2")
    (found,) = await events(calls, (ref, 3))
    assert [one.kind for one in found.events] == [Outcome.FALLBACK, Outcome.ATTEMPT_STARTED, Outcome.ATTEMPT_ENDED]
    assert found.at_rest


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"channel": 0}, "fallbacks.channel"),
        ({"to": ""}, "fallbacks[0].to"),
        ({"to": "x" * 5000}, "fallbacks[0].to"),
        ({"route": []}, "fallbacks[0].route"),
        ({"to": "a\0"}, "entry"),
    ],
)
async def test_legs_that_cannot_be_are_refused(calls: Calls, change, field):
    wrong = fallback()
    fields = {name: getattr(wrong, name) for name in ("channel", "to", "route", "after")} | change
    (result,) = await calls.record(calls.entry(fallbacks=[records_pb2.RoutedFallback(**fields)]))
    assert result.HasField("error")
    assert field.encode() in result.error.SerializeToString()


async def test_when_it_is_looked_at_is_never_later_than_when_it_moves_on(calls: Calls, clock, database):
    ref = await pushed(calls, fallback(after=5), dispatched=True)
    late = "SELECT due_at - fallback_at FROM deliveries WHERE due_at > fallback_at"
    assert database.rows(late) == []
    clock.advance(1)
    await calls.claim(ref)
    clock.advance(1)
    assert moment((await calls.get(ref)).create_time) == NOON
    assert database.rows("SELECT fallback_at FROM deliveries") == [(NOON + dt.timedelta(seconds=5),)]
