"""What recipients want holds at acceptance and at every claim: on real PostgreSQL, beside others who work."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest

from pulse.common.v1 import enums_pb2
from pulse.ledger.v1 import records_pb2
from shared.times import to_duration
from tests.ledger.calls import Calls, Outcome, moment, receipt, status_names
from tests.ledger.conftest import NOON
from tests.ledger.test_recipients import Reason, Recipients, choice

EMAIL, SMS, PUSH = enums_pb2.EMAIL, enums_pb2.SMS, enums_pb2.PUSH
LOW, HIGH = enums_pb2.LOW, enums_pb2.HIGH
NEWS: dict[str, Any] = {"category": "news", "lane": LOW}
QUIET = {"time_zone": "Europe/Berlin", "quiet_from": "12:30", "quiet_until": "14:00"}
#: 14:00 in Berlin, in winter.
QUIET_END = NOON.replace(hour=13)


@pytest.fixture
def recipients(calls: Calls) -> Recipients:
    return Recipients(calls)


async def decisions(calls: Calls, ref: records_pb2.NotificationRef, event: int = -1) -> list[tuple[str, str]]:
    """Rule and result of everything that was decided at one event."""
    return [(one.rule, one.result) for one in (await calls.get(ref)).timeline[event].decisions]


async def test_what_is_suppressed_when_it_is_accepted_is_never_sent(calls: Calls, recipients: Recipients):
    await recipients.suppress(channel=EMAIL)
    entry = calls.entry("key-1", **NEWS)
    (result,) = await calls.record(entry)
    assert status_names([result]) == ["SUPPRESSED"]
    assert await decisions(calls, entry.ref) == [("suppression", "SUPPRESSED")]
    assert (await calls.draw(lane=LOW)).refs == []
    assert await calls.claim(entry.ref) == []
    (again,) = await calls.record(calls.entry("key-1", **NEWS))
    assert (again.notification_id, again.replayed) == (entry.ref.notification_id, True)
    assert status_names([again]) == ["SUPPRESSED"]


async def test_in_one_batch_only_those_are_suppressed_who_want_it(calls: Calls, recipients: Recipients):
    await recipients.prefer(choices=[choice(EMAIL, False, "news")])
    await recipients.suppress("user-3", address="ada@example.com")
    users = ("user-1", "user-2", "user-3", "user-4")
    results = await calls.record(*(calls.entry(user_id=user, **NEWS) for user in users))
    assert status_names(results) == ["SUPPRESSED", "QUEUED", "SUPPRESSED", "QUEUED"]


async def test_a_suppression_between_acceptance_and_claim_holds(calls: Calls, recipients: Recipients):
    ref = await calls.recorded(**NEWS)
    await recipients.suppress(channel=EMAIL, category="news", reason=Reason.UNSUBSCRIBE)
    assert await calls.claim(ref) == []
    assert await calls.timeline(ref) == [("ACCEPTED", "QUEUED"), ("SUPPRESSED", "SUPPRESSED")]
    assert await decisions(calls, ref) == [("suppression", "SUPPRESSED")]


async def test_a_retry_is_not_sent_once_the_recipient_has_had_enough(calls: Calls, recipients: Recipients, clock):
    ref = await calls.recorded(**NEWS)
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.TRANSIENT_FAILURE)
    await recipients.suppress(channel=EMAIL)
    clock.advance(900)
    assert await calls.claim(ref) == []
    assert await calls.status(ref) == "SUPPRESSED"


async def test_what_is_critical_passes_all_but_hard_suppressions(calls: Calls, recipients: Recipients):
    await recipients.prefer(choices=[choice(EMAIL, False)], **QUIET)
    await recipients.suppress(channel=EMAIL, reason=Reason.UNSUBSCRIBE)
    code = await calls.recorded(category="otp", lane=LOW)
    assert len(await calls.claim(code)) == 1
    await recipients.suppress(address="ada@example.com", reason=Reason.COMPLAINT)
    assert await calls.status(await calls.recorded(category="otp")) == "SUPPRESSED"


async def test_quiet_hours_put_off_and_do_not_drop(calls: Calls, recipients: Recipients, clock):
    await recipients.prefer(**QUIET)
    entry = calls.entry(**NEWS)
    (result,) = await calls.record(entry)
    assert status_names([result]) == ["SCHEDULED"]
    found = await calls.get(entry.ref)
    assert moment(found.next_attempt_time) == QUIET_END
    assert await decisions(calls, entry.ref) == [("quiet_hours", "DEFERRED")]
    assert await calls.claim(entry.ref) == []
    clock.advance((QUIET_END - NOON).total_seconds())
    assert [ref.notification_id for ref in (await calls.draw(lane=LOW)).refs] == [entry.ref.notification_id]
    (claimed,) = await calls.claim(entry.ref)
    assert claimed.attempt == 1


async def test_quiet_hours_that_begin_before_the_claim_put_off_without_an_attempt(
    calls: Calls, recipients: Recipients, clock
):
    ref = await calls.recorded(**NEWS)
    await recipients.prefer(**QUIET)
    assert await calls.claim(ref) == []
    assert await calls.timeline(ref) == [("ACCEPTED", "QUEUED"), ("DEFERRED", "SCHEDULED")]
    found = await calls.get(ref)
    assert (found.attempt_count, moment(found.timeline[-1].next_attempt_time)) == (0, QUIET_END)
    clock.advance((QUIET_END - NOON).total_seconds())
    assert len(await calls.claim(ref)) == 1


async def test_quiet_hours_let_high_pass(calls: Calls, recipients: Recipients):
    await recipients.prefer(**QUIET)
    assert await calls.status(await calls.recorded(category="news", lane=HIGH)) == "QUEUED"


async def test_quiet_hours_of_the_time_at_which_it_is_to_be_sent_count(calls: Calls, recipients: Recipients):
    await recipients.prefer(**QUIET)
    (later,) = await calls.record(entry := calls.entry(not_before=QUIET_END + dt.timedelta(hours=1), **NEWS))
    assert status_names([later]) == ["SCHEDULED"]
    assert moment((await calls.get(entry.ref)).next_attempt_time) == QUIET_END + dt.timedelta(hours=1)


async def test_what_would_end_in_quiet_hours_ends_then(calls: Calls, recipients: Recipients, clock):
    await recipients.prefer(**QUIET)
    ref = await calls.recorded(expires_at=NOON + dt.timedelta(minutes=5), **NEWS)
    clock.advance(300)
    await calls.draw(lane=LOW)
    assert await calls.status(ref) == "EXPIRED"


async def test_a_tenant_s_recipients_are_nobody_else_s(calls: Calls):
    others = Recipients(calls, "other")
    await others.suppress(channel=EMAIL)
    await others.prefer(choices=[choice(EMAIL, False)], **QUIET)
    ref = await calls.recorded(**NEWS)
    assert await calls.status(ref) == "QUEUED"
    assert len(await calls.claim(ref)) == 1


async def test_no_attempt_begins_after_a_suppression_is_committed(calls: Calls, recipients: Recipients):
    """I12, beside those who claim: whatever is claimed once the suppression's answer is there, is not sent."""
    refs = [await calls.recorded(user_id=f"user-{number}", **NEWS) for number in range(30)]
    begun: list[str] = []
    suppressed: set[str] = set()

    async def claim(ref: records_pb2.NotificationRef, user: str) -> None:
        known = user in suppressed
        if await calls.claim(ref) and known:
            begun.append(user)

    async def suppress(user: str) -> None:
        await recipients.suppress(user, channel=EMAIL)
        suppressed.add(user)

    for start in range(0, 30, 10):
        users = [(refs[number], f"user-{number}") for number in range(start, start + 10)]
        await asyncio.gather(*(suppress(user) for _, user in users), *(claim(*one) for one in users))
        await asyncio.gather(*(claim(*one) for one in users))
    assert begun == []
    for number, ref in enumerate(refs):
        timeline = await calls.timeline(ref)
        assert timeline[-1] in {("ATTEMPT_STARTED", "SENDING"), ("SUPPRESSED", "SUPPRESSED")}, number


@pytest.mark.parametrize(
    ("rejection", "reason"),
    [
        (records_pb2.GONE, Reason.BOUNCE),
        (records_pb2.OPTED_OUT, Reason.UNSUBSCRIBE),
        (records_pb2.COMPLAINED, Reason.COMPLAINT),
    ],
)
async def test_a_provider_s_word_on_an_address_is_kept(calls: Calls, recipients: Recipients, rejection, reason):
    ref = await calls.recorded(**NEWS)
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.PERMANENT_FAILURE, rejection=rejection)
    (found,) = await recipients.suppressions()
    assert (found.channel, found.address, found.category, found.reason) == (EMAIL, "ada@example.com", "", reason)
    assert await calls.status(await calls.recorded(**NEWS)) == "SUPPRESSED"
    assert await calls.status(await calls.recorded(to="other@example.com", **NEWS)) == "QUEUED"


async def test_a_receipt_s_word_on_an_address_is_kept_once(calls: Calls, recipients: Recipients):
    ref = await calls.recorded(channel=SMS, to="+4915112345678", route=["twilio"], **NEWS)
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.SUCCEEDED, provider_message_id="m-1")
    told = receipt(ref, enums_pb2.UNDELIVERED, provider="twilio", rejection=records_pb2.GONE)
    await calls.receive(told, told)
    await calls.receive(told)
    (found,) = await recipients.suppressions()
    assert (found.channel, found.address, found.reason) == (SMS, "+4915112345678", Reason.BOUNCE)


async def test_a_word_that_came_too_late_for_its_attempt_changes_nothing(calls: Calls, recipients: Recipients, clock):
    ref = await calls.recorded(**NEWS)
    (first,) = await calls.claim(ref)
    clock.advance(60)
    (second,) = await calls.claim(ref)
    assert not (await calls.end(first, Outcome.PERMANENT_FAILURE, rejection=records_pb2.GONE)).applied
    assert (await calls.end(second, Outcome.SUCCEEDED)).applied
    assert await recipients.suppressions() == []


PUSHED: dict[str, Any] = {"channel": PUSH, "to": "", "route": ["fcm"], **NEWS}


async def test_a_push_without_address_goes_to_the_device_registered_last(calls: Calls, recipients: Recipients, clock):
    ref = await calls.recorded(**PUSHED)
    for token in ("old", "new"):
        await recipients.register(token)
        clock.advance(1)
    (claimed,) = await calls.claim(ref)
    assert claimed.to == "new"
    ((rule, device),) = await decisions(calls, ref)
    assert (rule, len(device)) == ("device", 36)


async def test_a_device_that_is_gone_is_forgotten_and_the_next_tried_at_once(
    calls: Calls, recipients: Recipients, clock
):
    for token in ("last", "gone"):
        await recipients.register(token)
        clock.advance(1)
    ref = await calls.recorded(**PUSHED)
    (claimed,) = await calls.claim(ref)
    # Whatever is registered while the attempt is under way has nothing to do with it.
    await recipients.register("newest")
    await calls.end(claimed, Outcome.PERMANENT_FAILURE, rejection=records_pb2.GONE, code="UNREGISTERED")
    assert await recipients.tokens() == ["newest", "last"]
    tried = []
    for _ in range(2):
        (claimed,) = await calls.claim(ref)
        tried.append(claimed.to)
        await calls.end(claimed, Outcome.PERMANENT_FAILURE, rejection=records_pb2.GONE, code="UNREGISTERED")
    assert tried == ["newest", "last"]
    found = await calls.get(ref)
    assert (enums_pb2.Status.Name(found.status), found.failure.code) == ("FAILED", "NO_DEVICE")
    assert (await recipients.tokens(), await recipients.suppressions()) == ([], [])


async def refuse(calls: Calls, ref: records_pb2.NotificationRef, *rejections: Any) -> list[str]:
    """Ends one attempt after the other with a provider's word on its device; gives where they went."""
    tried = []
    for rejection in rejections:
        (claimed,) = await calls.claim(ref)
        tried.append(claimed.to)
        code = records_pb2.Rejection.Name(rejection)
        await calls.end(claimed, Outcome.PERMANENT_FAILURE, rejection=rejection, code=code)
    return tried


GONE, REFUSED = records_pb2.GONE, records_pb2.REFUSED


@pytest.mark.parametrize("bad", [(REFUSED,), (GONE,), (REFUSED,) * 6, (GONE,) * 6, (GONE, REFUSED) * 3])
async def test_what_is_said_of_one_device_goes_on_to_the_next(
    calls: Calls, recipients: Recipients, clock, bad: tuple[Any, ...]
):
    """However many there are, and however few attempts a notification has. A device that is refused stays."""
    tokens = ["good", *(f"bad-{number}" for number in reversed(range(len(bad))))]
    for token in tokens:
        await recipients.register(token)
        clock.advance(1)
    ref = await calls.recorded(max_attempts=2, **PUSHED)
    assert await refuse(calls, ref, *bad) == tokens[:0:-1]
    (claimed,) = await calls.claim(ref)
    assert claimed.to == "good"
    await calls.end(claimed, Outcome.TRANSIENT_FAILURE)
    clock.advance(600)
    (claimed,) = await calls.claim(ref)
    assert claimed.to == "good"
    await calls.end(claimed, Outcome.SUCCEEDED)
    assert await calls.status(ref) == "SENT"
    assert len(await recipients.tokens()) == 1 + bad.count(REFUSED)
    assert await recipients.suppressions() == []


@pytest.mark.parametrize(
    ("said", "code"),
    [((REFUSED, REFUSED), "REFUSED"), ((GONE, REFUSED), "REFUSED"), ((REFUSED, GONE), "NO_DEVICE")],
)
async def test_a_push_that_no_device_takes_fails_and_its_replay_tries_them_again(
    calls: Calls, recipients: Recipients, clock, said: tuple[Any, ...], code: str
):
    for token in ("one", "two"):
        await recipients.register(token)
        clock.advance(1)
    ref = await calls.recorded(**PUSHED)
    assert await refuse(calls, ref, *said) == ["two", "one"]
    found = await calls.get(ref)
    assert (enums_pb2.Status.Name(found.status), found.failure.code) == ("FAILED", code)
    await calls.replay(ref)
    (claimed,) = await calls.claim(ref)
    assert claimed.to == (await recipients.tokens())[0]


@pytest.mark.parametrize("said", [(REFUSED,), (GONE,), (REFUSED, GONE), (REFUSED,) * 3])
@pytest.mark.parametrize("released", [1, 3])
async def test_a_device_that_was_never_called_is_tried_once_others_have_been_refused(
    calls: Calls, recipients: Recipients, clock, said: tuple[Any, ...], released: int
):
    """Claims that were handed back chose it; the attempts that had their numbers went to devices registered later."""
    await recipients.register("first")
    ref = await calls.recorded(**PUSHED)
    for _ in range(released):
        (claimed,) = await calls.claim(ref)
        assert claimed.to == "first"
        await calls.end(claimed, Outcome.RELEASED)
    later = [f"later-{number}" for number in range(len(said))]
    for token in later:
        clock.advance(1)
        await recipients.register(token)
    assert await refuse(calls, ref, *said) == later[::-1]
    (claimed,) = await calls.claim(ref)
    assert claimed.to == "first"
    await calls.end(claimed, Outcome.SUCCEEDED)
    assert await calls.status(ref) == "SENT"


async def test_a_device_that_was_refused_at_last_is_refused_though_it_was_handed_back_before(
    calls: Calls, recipients: Recipients, clock
):
    for token in ("second", "first"):
        await recipients.register(token)
        clock.advance(1)
    ref = await calls.recorded(**PUSHED)
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.RELEASED)
    assert await refuse(calls, ref, REFUSED, REFUSED) == ["first", "second"]
    assert await calls.status(ref) == "FAILED"


async def test_a_device_that_was_refused_for_one_is_tried_for_the_next(calls: Calls, recipients: Recipients):
    await recipients.register("one")
    ref = await calls.recorded(**PUSHED)
    await refuse(calls, ref, REFUSED)
    (claimed,) = await calls.claim(await calls.recorded(**PUSHED))
    assert claimed.to == "one"


@pytest.mark.parametrize(
    "fields",
    [NEWS, {"channel": SMS, "to": "+4915112345678", "route": ["twilio"], **NEWS}, PUSHED | {"to": "token"}],
    ids=["email", "sms", "push to a named device"],
)
async def test_a_refusal_of_an_address_that_was_named_is_remembered_nowhere(
    calls: Calls, recipients: Recipients, fields: dict[str, Any]
):
    await recipients.register("token")
    ref = await calls.recorded(**fields)
    await refuse(calls, ref, REFUSED)
    assert await calls.status(ref) == "FAILED"
    assert (await recipients.suppressions(), await recipients.tokens()) == ([], ["token"])


async def test_a_push_that_has_nowhere_to_go_fails_and_can_be_replayed(calls: Calls, recipients: Recipients):
    ref = await calls.recorded(**PUSHED)
    assert await calls.claim(ref) == []
    found = await calls.get(ref)
    assert (enums_pb2.Status.Name(found.status), found.failure.code, found.attempt_count) == ("FAILED", "NO_DEVICE", 0)
    await recipients.register("token")
    await calls.replay(ref)
    (claimed,) = await calls.claim(ref)
    assert claimed.to == "token"


async def test_a_device_named_by_the_caller_is_forgotten_too(calls: Calls, recipients: Recipients):
    await recipients.register("token")
    ref = await calls.recorded(**PUSHED | {"to": "token"})
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.PERMANENT_FAILURE, rejection=records_pb2.GONE, code="UNREGISTERED")
    assert await recipients.tokens() == []
    assert (await calls.get(ref)).failure.code == "UNREGISTERED"


async def test_a_channel_that_the_recipient_does_not_want_is_passed_over(calls: Calls, recipients: Recipients):
    await recipients.prefer(choices=[choice(EMAIL, False)])
    fallback = records_pb2.RoutedFallback(channel=SMS, to="+4915112345678", route=["twilio"], after=to_duration(60))
    ref = await calls.recorded(fallbacks=[fallback], **NEWS)
    (claimed,) = await calls.claim(ref)
    assert (claimed.channel, claimed.to, claimed.provider) == (SMS, "+4915112345678", "twilio")
    events = await calls.timeline(ref)
    assert events[1:] == [("FALLBACK", "QUEUED"), ("ATTEMPT_STARTED", "SENDING")]
    assert await decisions(calls, ref, 1) == [("preference", "SUPPRESSED"), ("fallback", "SMS")]


async def test_quiet_hours_put_off_the_next_channel_too(calls: Calls, recipients: Recipients, clock):
    await recipients.prefer(**QUIET)
    fallback = records_pb2.RoutedFallback(channel=SMS, to="+4915112345678", route=["twilio"], after=to_duration(60))
    ref = await calls.recorded(fallbacks=[fallback], **NEWS)
    clock.advance(300)
    assert await calls.claim(ref) == []
    clock.advance((QUIET_END - NOON).total_seconds() - 300)
    (claimed,) = await calls.claim(ref)
    assert claimed.channel == EMAIL
