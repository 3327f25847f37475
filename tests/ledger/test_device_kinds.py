"""Each kind of device is reached by the providers that serve it; a user may have devices of several."""

from __future__ import annotations

from typing import Any

import pytest

from pulse.common.v1 import enums_pb2, recipient_pb2
from pulse.ledger.v1 import ledger_reader_pb2, records_pb2
from shared.clock import FixedClock
from shared.rpc.channels import call
from tests.ledger.calls import TENANT, Calls, Outcome
from tests.ledger.test_first_claims import record_waited
from tests.ledger.test_recipients import USER, Recipients
from tests.ledger.test_several_devices import BUSY, GONE, PUSH, TOOK, UNCALLED, claim, end, tokens

Kind = recipient_pb2.DeviceToken
APPLE = "0123456789abcdef" * 4
BROWSER = '{"endpoint":"https://push.example/1","keys":{"p256dh":"x","auth":"y"}}'
#: A user's devices, the first registered last.
TOKENS = {"fcm": ("android", Kind.FCM), "apns": (APPLE, Kind.APNS), "webpush": (BROWSER, Kind.WEB_PUSH)}
ALL = "fcm,webhook,apns,webpush"


@pytest.fixture
def recipients(calls: Calls) -> Recipients:
    return Recipients(calls)


async def register(recipients: Recipients, clock: FixedClock, *names: str) -> None:
    for name in names[::-1]:
        token, kind = TOKENS[name]
        await recipients.register(token, kind=kind)
        clock.advance(1)


def providers(claimed: records_pb2.ClaimedNotification) -> list[str]:
    return [device.provider for device in claimed.devices]


def by_token(**ends: Any) -> dict[str, Any]:
    return {TOKENS[name][0]: one for name, one in ends.items()}


async def test_a_device_is_of_the_kind_that_it_was_last_registered_as(calls: Calls, recipients: Recipients) -> None:
    made = [(await recipients.register("t", kind=kind)).kind for kind in (0, Kind.APNS, Kind.WEB_PUSH, Kind.FCM)]
    assert made == [Kind.FCM, Kind.APNS, Kind.WEB_PUSH, Kind.FCM]
    listed = ledger_reader_pb2.ListDeviceTokensRequest(tenant_id=TENANT, user_id=USER)
    (device,) = (await call(calls.reader.ListDeviceTokens, listed)).device_tokens
    assert device.kind == Kind.FCM


@pytest.mark.parametrize(
    ("name", "route", "provider"),
    [
        ("fcm", "fcm", "fcm"),
        ("fcm", ALL, "fcm"),
        ("apns", "apns,fcm", "apns"),
        ("apns", "fcm,apns", "apns"),
        ("apns", "fcm", "apns"),
        ("apns", "webhook", "webhook"),
        ("apns", ALL, "webhook"),
        ("webpush", "fcm,apns,webpush", "webpush"),
        ("webpush", "fcm", "webpush"),
        ("fcm", "apns", "fcm"),
    ],
)
async def test_a_users_only_device_goes_by_the_first_provider_that_serves_it(
    calls: Calls, recipients: Recipients, clock: FixedClock, name: str, route: str, provider: str
) -> None:
    await register(recipients, clock, name)
    claimed = await claim(calls, await calls.recorded(**PUSH | {"route": route.split(",")}))
    assert (claimed.provider, claimed.to, tokens(claimed)) == (provider, TOKENS[name][0], [])
    at_once = calls.entry(**PUSH | {"route": route.split(",")})
    (result,) = await record_waited(calls, at_once, devices=True)
    assert (result.claimed.provider, result.claimed.to) == (provider, TOKENS[name][0])


@pytest.mark.parametrize(
    ("to", "route", "provider"),
    [
        ("android", ALL, "fcm"),
        ("android", "apns,fcm", "fcm"),
        (APPLE, "fcm,apns", "apns"),
        (APPLE, "fcm", "fcm"),
        (BROWSER, "fcm,webpush", "webpush"),
        (BROWSER, "fcm,webhook", "webhook"),
    ],
)
async def test_a_token_that_the_caller_names_goes_by_what_it_looks_like(
    calls: Calls, to: str, route: str, provider: str
) -> None:
    (claimed,) = await calls.claim(await calls.recorded(**PUSH | {"to": to, "route": route.split(",")}))
    assert (claimed.provider, claimed.to) == (provider, to)


async def test_a_failure_goes_on_to_the_next_provider_that_serves_it_and_then_waits(
    calls: Calls, recipients: Recipients, clock: FixedClock
) -> None:
    """Round the providers of its kind, with a back-off each time that all of these have refused."""
    await register(recipients, clock, "apns")
    ref = await calls.recorded(**PUSH | {"route": ["fcm", "apns", "webhook", "webpush"]})
    went = []
    for _ in range(2):
        (claimed,) = await calls.claim(ref, devices=True)
        went.append(claimed.provider)
        await calls.end(claimed, Outcome.TRANSIENT_FAILURE)
    assert went == ["apns", "webhook"]
    assert await calls.claim(ref, devices=True) == []
    clock.advance(600)
    assert (await claim(calls, ref)).provider == "apns"


@pytest.mark.parametrize(
    ("route", "went"),
    [
        ("fcm", ["fcm", "apns", "webpush"]),
        ("fcm,apns,webpush", ["fcm", "apns", "webpush"]),
        ("webhook", ["webhook", "webhook", "webhook"]),
        (ALL, ["fcm", "webhook", "webhook"]),
    ],
)
async def test_devices_of_several_kinds_are_one_notification(
    calls: Calls, recipients: Recipients, clock: FixedClock, route: str, went: list[str]
) -> None:
    await register(recipients, clock, *TOKENS)
    ref = await calls.recorded(**PUSH | {"route": route.split(",")})
    claimed = await claim(calls, ref)
    assert providers(claimed) == went
    assert claimed.provider == went[0]
    await end(calls, claimed, **by_token(fcm=TOOK, apns=GONE, webpush=TOOK))
    assert await calls.status(ref) == "SENT"
    assert await recipients.tokens() == ["android", BROWSER]


@pytest.mark.parametrize("route", ["fcm", "fcm,apns,webpush"])
async def test_each_kind_waits_its_time_and_goes_by_its_own_again(
    calls: Calls, recipients: Recipients, clock: FixedClock, route: str
) -> None:
    await register(recipients, clock, *TOKENS)
    ref = await calls.recorded(**PUSH | {"route": route.split(","), "max_attempts": 3})
    await end(calls, await claim(calls, ref), **by_token(fcm=TOOK, apns=BUSY, webpush=BUSY))
    for _ in range(2):
        assert await calls.claim(ref, devices=True) == []
        clock.advance(600)
        again = await claim(calls, ref)
        assert providers(again) == ["apns", "webpush"]
        await end(calls, again, **by_token(apns=BUSY, webpush=BUSY))
    assert await calls.status(ref) == "SENT"


async def test_a_kind_whose_provider_is_left_alone_waits_while_the_others_go(
    calls: Calls, recipients: Recipients, clock: FixedClock
) -> None:
    await register(recipients, clock, *TOKENS)
    ref = await calls.recorded(**PUSH | {"max_attempts": 1})
    await calls.pause(provider="apns")
    claimed = await claim(calls, ref)
    assert [(one.provider, one.waits) for one in claimed.devices] == [
        ("fcm", False),
        ("apns", True),
        ("webpush", False),
    ]
    await end(calls, claimed, **by_token(fcm=TOOK, apns=UNCALLED, webpush=TOOK))
    assert await calls.status(ref) == "RETRYING"
    clock.advance(60)
    assert await calls.claim(ref, devices=True) == []
    await calls.pause(False, provider="apns")
    clock.advance(60)
    again = await claim(calls, ref)
    assert (providers(again), [one.waits for one in again.devices]) == (["apns"], [False])
    await end(calls, again, **by_token(apns=TOOK))
    assert await calls.status(ref) == "SENT"


async def test_while_every_kinds_provider_is_left_alone_no_attempt_is_spent(
    calls: Calls, recipients: Recipients, clock: FixedClock
) -> None:
    await register(recipients, clock, "apns", "webpush")
    ref = await calls.recorded(**PUSH)
    for name in ("apns", "webpush"):
        await calls.pause(provider=name)
    assert await calls.claim(ref, devices=True) == []
    assert ((await calls.get(ref)).attempt_count, await calls.status(ref)) == (0, "QUEUED")


async def test_the_latest_device_is_replaced_by_one_of_another_kind_where_it_is_gone(
    calls: Calls, recipients: Recipients, clock: FixedClock
) -> None:
    await register(recipients, clock, "apns", "fcm")
    ref = await calls.recorded(**PUSH)
    (claimed,) = await calls.claim(ref)  # a worker of the release before
    assert (claimed.provider, claimed.to) == ("apns", APPLE)
    await calls.end(claimed, Outcome.PERMANENT_FAILURE, rejection=records_pb2.GONE)
    (claimed,) = await calls.claim(ref)
    assert (claimed.provider, claimed.to) == ("fcm", "android")


async def test_a_device_of_a_kind_of_another_release_is_left_out(
    calls: Calls, recipients: Recipients, clock: FixedClock, database: Any
) -> None:
    await register(recipients, clock, *TOKENS)
    database.execute("UPDATE device_tokens SET kind = 'HUAWEI' WHERE kind = 'APNS'")
    claimed = await claim(calls, await calls.recorded(**PUSH))
    assert providers(claimed) == ["fcm", "webpush"]
    assert enums_pb2.Channel.Name(claimed.channel) == "PUSH"
