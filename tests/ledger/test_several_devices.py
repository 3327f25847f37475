"""A push without an address goes to all devices of its user as one notification, each with an outcome of its own."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from pulse.common.v1 import enums_pb2, notification_pb2, saying_pb2
from pulse.ledger.v1 import records_pb2
from services.ledger.rules.recipients import device_token_id
from shared.clock import FixedClock
from shared.errors import Code, PulseError
from shared.times import to_duration
from tests.ledger.calls import Calls, Outcome, fallback, moment, receipt
from tests.ledger.conftest import NOON, Database
from tests.ledger.test_first_claims import record_waited
from tests.ledger.test_recipients import Recipients, choice

PUSH: dict[str, Any] = {"channel": enums_pb2.PUSH, "to": "", "route": ["fcm"], "category": "news"}
LATEST = saying_pb2.Push(devices=saying_pb2.Push.LATEST)

#: A device's end in a worker's words.
TOOK = {"outcome": Outcome.SUCCEEDED, "provider_message_id": "m"}
BUSY = {"outcome": Outcome.TRANSIENT_FAILURE, "failure": notification_pb2.Failure(code="QUOTA_EXCEEDED", message="no")}
GONE = {
    "outcome": Outcome.PERMANENT_FAILURE,
    "failure": notification_pb2.Failure(code="UNREGISTERED", message="gone"),
    "rejection": records_pb2.GONE,
}
REFUSED = GONE | {"rejection": records_pb2.REFUSED}
SILENT = {"outcome": Outcome.UNANSWERED, "failure": notification_pb2.Failure(code="FCM_NO_ANSWER", message="none")}
UNCALLED = {"outcome": Outcome.RELEASED, "failure": notification_pb2.Failure(code="WORKER_STOPPING", message="stops")}
#: In this order the first says what is said of all.
_TELLING = [
    Outcome.SUCCEEDED,
    Outcome.UNANSWERED,
    Outcome.TRANSIENT_FAILURE,
    Outcome.PERMANENT_FAILURE,
    Outcome.RELEASED,
]


async def claim(calls: Calls, ref: records_pb2.NotificationRef) -> records_pb2.ClaimedNotification:
    (claimed,) = await calls.claim(ref, devices=True)
    return claimed


def tokens(claimed: records_pb2.ClaimedNotification) -> list[str]:
    return [device.token for device in claimed.devices]


async def end(calls: Calls, claimed: records_pb2.ClaimedNotification, **ends: dict[str, Any]) -> Any:
    """Settles a claim; ``ends`` are those of its devices, by their tokens."""
    devices = [
        records_pb2.SettledDevice(device_token_id=one.device_token_id, provider=one.provider, **ends[one.token])
        for one in claimed.devices
    ]
    whole = min((one["outcome"] for one in ends.values()), key=_TELLING.index)
    return await calls.end(claimed, whole, devices=devices)


@pytest.fixture
async def three(recipients: Recipients, clock: FixedClock) -> list[str]:
    """A user's devices, the one registered last first."""
    for token in ("c", "b", "a"):
        await recipients.register(token)
        clock.advance(1)
    return ["a", "b", "c"]


@pytest.fixture
def recipients(calls: Calls) -> Recipients:
    return Recipients(calls)


async def outcomes(calls: Calls, ref: records_pb2.NotificationRef) -> list[dict[str, str]]:
    """Of each attempt that ended, the outcomes of its devices by their ids."""
    return [
        {one.device_token_id: Outcome.Outcome.Name(one.outcome) for one in event.devices}
        for event in (await calls.get(ref)).timeline
        if event.kind == Outcome.ATTEMPT_ENDED
    ]


@pytest.mark.usefixtures("three")
async def test_it_goes_to_all_of_them_and_is_sent_as_all_took_it(calls: Calls):
    ref = await calls.recorded(**PUSH)
    claimed = await claim(calls, ref)
    assert (tokens(claimed), claimed.to, claimed.attempt) == (["a", "b", "c"], "", 1)
    assert {one.provider for one in claimed.devices} == {"fcm"}
    started = (await calls.get(ref)).timeline[-1]
    ids = [one.device_token_id for one in claimed.devices]
    assert [(one.device_token_id, one.outcome) for one in started.devices] == [(id_, 0) for id_ in ids]
    assert [(one.rule, one.result) for one in started.decisions] == [("devices", "3")]
    await end(calls, claimed, a=TOOK | {"provider_message_id": "m-a"}, b=TOOK, c=TOOK)
    found = await calls.get(ref)
    assert (enums_pb2.Status.Name(found.status), found.attempt_count) == ("SENT", 1)
    assert found.provider_message_id == "m-a"
    assert await outcomes(calls, ref) == [dict.fromkeys(ids, "SUCCEEDED")]


#: The ends of devices a, b and c, the status that follows, whether it can be tried at once, and which are tried then.
FIRST_ATTEMPTS: dict[str, tuple[dict[str, Any], str, bool, list[str]]] = {
    "one busy": ({"a": TOOK, "b": BUSY, "c": TOOK}, "RETRYING", False, ["b"]),
    "one silent": ({"a": TOOK, "b": SILENT, "c": TOOK}, "RETRYING", False, ["b"]),
    "one gone": ({"a": TOOK, "b": GONE, "c": TOOK}, "SENT", False, []),
    "one took it": ({"a": GONE, "b": REFUSED, "c": TOOK}, "SENT", False, []),
    "one gone, one busy": ({"a": GONE, "b": BUSY, "c": TOOK}, "RETRYING", False, ["b"]),
    "none took it yet": ({"a": BUSY, "b": GONE, "c": SILENT}, "RETRYING", False, ["a", "c"]),
    "one not called in time": ({"a": TOOK, "b": UNCALLED, "c": TOOK}, "RETRYING", True, ["b"]),
    "one busy, one not called": ({"a": TOOK, "b": UNCALLED, "c": BUSY}, "RETRYING", False, ["b", "c"]),
    "none called": ({"a": UNCALLED, "b": UNCALLED, "c": UNCALLED}, "QUEUED", True, ["a", "b", "c"]),
    "all gone": ({"a": GONE, "b": GONE, "c": GONE}, "FAILED", False, []),
    "all refused": ({"a": REFUSED, "b": GONE, "c": REFUSED}, "FAILED", False, []),
}


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("name", FIRST_ATTEMPTS)
async def test_it_is_tried_again_at_those_that_may_still_succeed_and_at_no_other(
    calls: Calls, clock: FixedClock, recipients: Recipients, name: str
):
    ends, status, at_once, left = FIRST_ATTEMPTS[name]
    ref = await calls.recorded(**PUSH)
    await end(calls, await claim(calls, ref), **ends)
    assert await calls.status(ref) == status
    assert await recipients.tokens() == [token for token, one in ends.items() if one is not GONE]
    assert bool(await calls.claim(ref, devices=True)) is at_once
    if at_once or not left:
        return
    clock.advance(600)
    again = await claim(calls, ref)
    assert tokens(again) == left
    await end(calls, again, **dict.fromkeys(left, TOOK))
    assert await calls.status(ref) == "SENT"


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(("others", "code"), [((GONE, GONE), "NO_DEVICE"), ((GONE, REFUSED), "UNREGISTERED")])
async def test_where_no_device_is_left_it_says_why(calls: Calls, others: tuple[Any, Any], code: str):
    ref = await calls.recorded(**PUSH)
    claimed = await claim(calls, ref)
    settled = {"failure": GONE["failure"]}
    devices = [
        records_pb2.SettledDevice(device_token_id=one.device_token_id, provider="fcm", **said)
        for one, said in zip(claimed.devices, (GONE, *others), strict=True)
    ]
    await calls.end(claimed, Outcome.PERMANENT_FAILURE, devices=devices, **settled)
    found = await calls.get(ref)
    assert (enums_pb2.Status.Name(found.status), found.failure.code) == ("FAILED", code)


@pytest.mark.usefixtures("three")
async def test_at_most_once_a_device_that_may_have_it_is_not_called_again(calls: Calls, clock: FixedClock):
    ref = await calls.recorded(delivery_guarantee=enums_pb2.AT_MOST_ONCE, **PUSH)
    await end(calls, await claim(calls, ref), a=SILENT, b=BUSY, c=GONE)
    assert await calls.status(ref) == "RETRYING"
    clock.advance(600)
    again = await claim(calls, ref)
    assert tokens(again) == ["b"]
    await end(calls, again, b=GONE)
    assert await calls.status(ref) == "UNKNOWN"


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(("guarantee", "status"), [(enums_pb2.AT_MOST_ONCE, "SENT"), (0, "RETRYING")])
async def test_a_worker_that_never_comes_back_costs_no_device_that_has_it(
    calls: Calls, clock: FixedClock, guarantee: Any, status: str
):
    """What is known of those before stays known; at most once nobody is called again whom the lost one may have."""
    ref = await calls.recorded(delivery_guarantee=guarantee, **PUSH)
    await end(calls, await claim(calls, ref), a=TOOK, b=BUSY, c=BUSY)
    clock.advance(600)
    assert tokens(await claim(calls, ref)) == ["b", "c"]
    clock.advance(600)
    again = await calls.claim(ref, devices=True)
    assert [tokens(one) for one in again] == ([] if guarantee else [["b", "c"]])
    assert (await calls.status(ref)) == (status if guarantee else "SENDING")


@pytest.mark.usefixtures("three")
async def test_a_worker_that_never_came_back_at_most_once_leaves_it_unknown(calls: Calls, clock: FixedClock):
    ref = await calls.recorded(delivery_guarantee=enums_pb2.AT_MOST_ONCE, **PUSH)
    await claim(calls, ref)
    clock.advance(600)
    assert await calls.claim(ref, devices=True) == []
    assert await calls.status(ref) == "UNKNOWN"


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("how", ["exhausted", "expired", "cancelled", "suppressed", "unregistered"])
async def test_what_one_device_took_ends_sent_whatever_becomes_of_the_others(
    calls: Calls, clock: FixedClock, recipients: Recipients, how: str
):
    more: dict[str, Any] = {
        "exhausted": {"max_attempts": 1},
        "expired": {"expires_at": NOON + dt.timedelta(seconds=60)},
    }.get(how, {})
    ref = await calls.recorded(fallbacks=[fallback(after=None)], **more, **PUSH)
    first = clock.now()
    await end(calls, await claim(calls, ref), a=TOOK | {"provider_message_id": "m-a"}, b=BUSY, c=GONE)
    if how == "cancelled":
        assert (await calls.cancel(ref)).status == enums_pb2.SENT
    if how == "suppressed":
        await recipients.prefer(choices=[choice(enums_pb2.PUSH, False, "news")])
    if how == "unregistered":
        await recipients.forget(device_token_id("b"))
    clock.advance(600)
    assert await calls.claim(ref, devices=True) == []
    found = await calls.get(ref)
    assert enums_pb2.Status.Name(found.status) == "SENT"
    assert (found.provider_message_id, moment(found.sent_time), found.failure.code) == ("m-a", first, "")
    with pytest.raises(PulseError) as refused:
        await calls.cancel(ref)
    assert refused.value.code is Code.FAILED_PRECONDITION


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(("ends", "status"), [((BUSY, GONE, SILENT), "SMS"), ((TOOK, GONE, BUSY), "PUSH")])
async def test_the_next_channel_takes_over_only_where_no_device_took_it(calls: Calls, ends: Any, status: str):
    ref = await calls.recorded(max_attempts=1, fallbacks=[fallback(after=None)], **PUSH)
    await end(calls, await claim(calls, ref), **dict(zip("abc", ends, strict=True)))
    assert enums_pb2.Channel.Name((await calls.get(ref)).channel) == status


@pytest.mark.usefixtures("three")
async def test_devices_that_were_not_called_in_time_cost_no_attempt_while_others_are_done_with(calls: Calls):
    ref = await calls.recorded(max_attempts=1, **PUSH)
    await end(calls, await claim(calls, ref), a=TOOK, b=UNCALLED, c=UNCALLED)
    await end(calls, await claim(calls, ref), b=GONE, c=UNCALLED)
    await end(calls, await claim(calls, ref), c=BUSY)
    assert await calls.status(ref) == "SENT"
    assert len(await outcomes(calls, ref)) == 3


@pytest.mark.usefixtures("three")
async def test_the_longest_wait_that_a_provider_asks_for_is_kept(calls: Calls, clock: FixedClock):
    ref = await calls.recorded(**PUSH)
    wait = BUSY | {"retry_after": to_duration(500)}
    await end(calls, await claim(calls, ref), a=TOOK | {"retry_after": to_duration(900)}, b=wait, c=BUSY)
    clock.advance(499)
    assert await calls.claim(ref, devices=True) == []
    clock.advance(2)
    assert tokens(await claim(calls, ref)) == ["b", "c"]


@pytest.mark.usefixtures("three")
async def test_a_device_registered_meanwhile_is_gone_to_with_those_that_are_left(
    calls: Calls, clock: FixedClock, recipients: Recipients
):
    ref = await calls.recorded(**PUSH)
    await end(calls, await claim(calls, ref), a=TOOK, b=BUSY, c=GONE)
    await recipients.register("d")
    clock.advance(600)
    assert tokens(await claim(calls, ref)) == ["d", "b"]


@pytest.mark.usefixtures("three")
async def test_a_device_registered_meanwhile_is_tried_at_once_where_all_others_are_lost(
    calls: Calls, recipients: Recipients
):
    ref = await calls.recorded(max_attempts=1, **PUSH)
    claimed = await claim(calls, ref)
    await recipients.register("d")
    await end(calls, claimed, a=GONE, b=GONE, c=REFUSED)
    assert tokens(await claim(calls, ref)) == ["d"]


@pytest.mark.usefixtures("three")
async def test_a_replay_goes_to_all_of_them_again(calls: Calls):
    ref = await calls.recorded(**PUSH)
    await end(calls, await claim(calls, ref), a=REFUSED, b=REFUSED, c=REFUSED)
    await calls.replay(ref)
    assert tokens(await claim(calls, ref)) == ["a", "b", "c"]


@pytest.mark.usefixtures("three")
async def test_one_that_did_not_arrive_at_one_device_stays_sent(calls: Calls):
    ref = await calls.recorded(**PUSH)
    took = TOOK | {"provider_message_id": "m-a"}
    claimed = await claim(calls, ref)
    early = receipt(ref, enums_pb2.UNDELIVERED, "m-a", provider="fcm")
    await calls.receive(early)
    await end(calls, claimed, a=took, b=TOOK, c=TOOK)
    await calls.receive(receipt(ref, enums_pb2.UNDELIVERED, "m", provider="fcm"))
    assert await calls.status(ref) == "SENT"
    await calls.receive(receipt(ref, enums_pb2.DELIVERED, "m-a", provider="fcm"))
    assert await calls.status(ref) == "DELIVERED"


@pytest.mark.usefixtures("three")
async def test_what_is_suppressed_for_one_device_goes_to_the_others(calls: Calls, recipients: Recipients):
    await recipients.suppress(channel=enums_pb2.PUSH, address="a")
    assert tokens(await claim(calls, await calls.recorded(**PUSH))) == ["b", "c"]
    await recipients.suppress(channel=enums_pb2.PUSH, address="b")
    assert (await claim(calls, await calls.recorded(**PUSH))).to == "c"
    await recipients.suppress(channel=enums_pb2.PUSH, address="c")
    ref = await calls.recorded(**PUSH)
    assert await calls.claim(ref, devices=True) == []
    assert await calls.status(ref) == "SUPPRESSED"


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("said", [GONE, REFUSED])
async def test_the_latest_alone_is_gone_to_and_the_one_before_where_that_is_lost(calls: Calls, said: Any):
    ref = await calls.recorded(push=LATEST, max_attempts=1, **PUSH)
    claimed = await claim(calls, ref)
    assert (claimed.to, tokens(claimed)) == ("a", [])
    await calls.end(claimed, said["outcome"], rejection=said["rejection"])
    claimed = await claim(calls, ref)
    assert [claimed.to, *tokens(claimed)].count("b") == 1
    await end(calls, claimed, b=TOOK)
    assert await calls.status(ref) == "SENT"


async def test_the_only_device_of_a_user_is_an_address_like_any_other(
    calls: Calls, recipients: Recipients, database: Database
):
    await recipients.register("only")
    claimed = await claim(calls, await calls.recorded(**PUSH))
    assert (claimed.to, tokens(claimed)) == ("only", [])
    await calls.end(claimed, Outcome.SUCCEEDED)
    assert database.rows("SELECT count(*) FROM events WHERE devices IS NOT NULL") == [(0,)]
    assert database.rows("SELECT secured FROM deliveries") == [(None,)]


@pytest.mark.usefixtures("three")
async def test_a_device_named_by_the_caller_is_the_only_one(calls: Calls):
    claimed = await claim(calls, await calls.recorded(**PUSH | {"to": "named"}))
    assert (claimed.to, tokens(claimed)) == ("named", [])


@pytest.mark.usefixtures("three")
async def test_a_worker_that_does_not_know_of_several_is_given_the_latest(calls: Calls):
    (claimed,) = await calls.claim(await calls.recorded(**PUSH))
    assert (claimed.to, tokens(claimed)) == ("a", [])


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("knows", "push", "went"),
    [(True, None, ("", ["a", "b", "c"])), (True, LATEST, ("a", [])), (False, None, ("a", []))],
)
async def test_what_is_claimed_with_its_recording_goes_to_the_same(calls: Calls, knows: bool, push: Any, went: Any):
    entry = calls.entry(push=push, **PUSH)
    (result,) = await record_waited(calls, entry, devices=knows)
    assert (result.claimed.to, tokens(result.claimed)) == went


async def test_a_hundred_devices_weigh_what_their_tokens_do(calls: Calls, recipients: Recipients):
    """Two users' would take more than an answer holds; each is given alone."""
    for user in ("user-1", "user-2"):
        for number in range(100):
            await recipients.register(f"{user}-{number:03}-".ljust(4096, "x"), user)
    refs = [await calls.recorded(user_id=f"user-{1 + n % 2}", **PUSH) for n in range(12)]
    answer = await calls.claimed(*refs, devices=True)
    assert {len(one.devices) for one in answer.claimed} == {100}
    assert answer.ByteSize() < 4.5 * 2**20
    assert len(answer.claimed) + len(answer.left) == 12
    assert len(answer.left) >= 1


async def test_of_what_is_recorded_for_users_of_many_devices_as_much_is_claimed_as_an_answer_holds(
    calls: Calls, recipients: Recipients, database: Database
):
    await recipients.register("token")
    database.execute("""
        INSERT INTO device_tokens (tenant_id, device_token_id, user_id, token, label, updated_at)
        SELECT tenant_id, gen_random_uuid(), user_id, repeat('x', 4096), '', now()
        FROM device_tokens, generate_series(1, 99)""")
    results = await record_waited(calls, *(calls.entry(**PUSH) for _ in range(12)), devices=True)
    claimed = [result.claimed for result in results if result.HasField("claimed")]
    assert {len(one.devices) for one in claimed} == {100}
    assert 9 <= len(claimed) < 12
    assert sum(one.ByteSize() for one in claimed) < 4.5 * 2**20


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("named", ["", "not an id"])
async def test_a_settlement_that_names_no_device_changes_nothing(calls: Calls, named: str):
    ref = await calls.recorded(**PUSH)
    claimed = await claim(calls, ref)
    device = records_pb2.SettledDevice(device_token_id=named, provider="fcm", **TOOK)
    assert not (await calls.end(claimed, Outcome.SUCCEEDED, devices=[device])).applied
    assert await calls.status(ref) == "SENDING"
