"""A notification for several devices: a call for each within the worker's bounds, settled as one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from pulse.ledger.v1 import records_pb2
from services.delivery.config import DeliverySettings
from services.delivery.ledger import LedgerClient
from services.delivery.rules.provider import Outcome, Outgoing, Rejection, permanent, succeeded, transient
from services.delivery.worker.engine import Engine
from shared.refs import Ref
from shared.rpc.channels import open_channel
from tests.delivery.fakes import FakeLedger, FakeProvider
from tests.support import eventually

Start = Callable[..., Engine]


@pytest.fixture
async def start(ledger: tuple[FakeLedger, str]) -> AsyncIterator[Start]:
    """Makes engines, and stops them at the end."""
    channel = open_channel(ledger[1])
    engines: list[Engine] = []

    def make(*providers: FakeProvider, in_flight: int = 8, **settings: Any) -> Engine:
        configured = DeliverySettings(**settings)
        client = LedgerClient(channel, worker_id="test", lease=configured.delivery_lease_seconds)
        engines.append(Engine(client, {each.name: each for each in providers}, configured, in_flight))
        return engines[-1]

    yield make
    for engine in engines:
        await engine.stop()
    await channel.close()


def add(ledger: FakeLedger, *tokens: str, **more: Any) -> Ref:
    """A due push for these devices, whose ids begin with "id-"."""
    devices = [
        records_pb2.ClaimedDevice(device_token_id=f"id-{token}", token=token, provider=more.get("provider", "fcm"))
        for token in tokens
    ]
    return ledger.add("", **{"channel": "PUSH", "provider": "fcm", "devices": devices, **more})


def fcm(**more: Any) -> FakeProvider:
    return FakeProvider(**{"name": "fcm", "channel": "PUSH", **more})


def ends(ledger: FakeLedger, ref: Ref) -> dict[str, str]:
    """Of each device how its call ended, by its id."""
    devices = ledger.settled[ref[1]].devices
    return {
        one.device_token_id: one.DESCRIPTOR.fields_by_name["outcome"].enum_type.values[one.outcome].name
        for one in devices
    }


async def by_token(outgoing: Outgoing) -> Outcome:
    match outgoing.to:
        case "gone":
            return permanent("UNREGISTERED", "it is gone", Rejection.GONE)
        case "busy":
            return transient("QUOTA_EXCEEDED", "not now", 7.0)
        case "broken":
            raise RuntimeError("a bug of the provider's")
    return succeeded(f"m-{outgoing.to}")


async def test_each_device_is_called_once_and_all_are_settled_as_one(
    start: Start, ledger: tuple[FakeLedger, str]
) -> None:
    provider = fcm(answer=by_token)
    ref = add(ledger[0], "a", "gone", "busy", "broken", "b")
    await start(provider).take([ref])
    await eventually(lambda: ledger[0].settled)
    assert ends(ledger[0], ref) == {
        "id-a": "SUCCEEDED",
        "id-gone": "PERMANENT_FAILURE",
        "id-busy": "TRANSIENT_FAILURE",
        "id-broken": "UNANSWERED",
        "id-b": "SUCCEEDED",
    }
    settled = ledger[0].settled[ref[1]]
    assert ledger[0].outcome(ref) == "SUCCEEDED"
    gone, busy = settled.devices[1:3]
    assert (gone.rejection, gone.failure.code, busy.retry_after.seconds) == (records_pb2.GONE, "UNREGISTERED", 7)
    assert {one.provider for one in settled.devices} == {"fcm"}
    assert [one.provider_message_id for one in settled.devices] == ["m-a", "", "", "", "m-b"]
    assert sorted(one.to for one in provider.sent) == ["a", "b", "broken", "busy", "gone"]
    assert {(one.subject, one.body) for one in provider.sent} == {("Hello Ada", "Hi Ada!")}


async def test_they_are_called_at_once_as_far_as_the_provider_has_room(
    start: Start, ledger: tuple[FakeLedger, str]
) -> None:
    opened, under_way = asyncio.Event(), 0

    async def answer(_: Outgoing) -> Outcome:
        nonlocal under_way
        under_way += 1
        await opened.wait()
        return succeeded("m")

    provider = fcm(concurrency=10, answer=answer)
    ref = add(ledger[0], *(f"device-{number}" for number in range(100)))
    await start(provider).take([ref])
    await eventually(lambda: under_way == 10)
    opened.set()
    await eventually(lambda: ledger[0].settled)
    assert set(ends(ledger[0], ref).values()) == {"SUCCEEDED"}
    assert len(provider.sent) == 100
    assert ledger[0].template_calls == 1


async def test_it_has_one_place_in_the_workers_hands_and_gives_it_back(
    start: Start, ledger: tuple[FakeLedger, str]
) -> None:
    refs = [add(ledger[0], "a", "b", "c") for _ in range(20)]
    engine = start(fcm(), in_flight=1)
    await engine.take(refs)
    await eventually(lambda: len(ledger[0].settled) == 20)
    assert engine._room.taken == 0
    assert engine._text.taken == 0


@pytest.mark.parametrize("providers", [("fcm", "webhook"), ("webhook", "fcm")])
async def test_each_device_goes_by_its_own_provider(
    start: Start, ledger: tuple[FakeLedger, str], providers: tuple[str, str]
) -> None:
    devices = [
        records_pb2.ClaimedDevice(device_token_id=f"id-{name}", token=f"for-{name}", provider=name)
        for name in (*providers, "unknown")
    ]
    fakes = [fcm(name=name) for name in providers]
    ref = ledger[0].add("", channel="PUSH", provider=providers[0], devices=devices)
    await start(*fakes).take([ref])
    await eventually(lambda: ledger[0].settled)
    assert [[one.to for one in fake.sent] for fake in fakes] == [[f"for-{name}"] for name in providers]
    unknown = ledger[0].settled[ref[1]].devices[2]
    assert unknown.failure.code == "PROVIDER_NOT_CONFIGURED"
    assert ends(ledger[0], ref)["id-unknown"] == "PERMANENT_FAILURE"


async def test_a_device_whose_provider_is_not_called_now_is_given_back(
    start: Start, ledger: tuple[FakeLedger, str]
) -> None:
    devices = [
        records_pb2.ClaimedDevice(device_token_id=f"id-{name}", token=name, provider=name, waits=name != "fcm")
        for name in ("apns", "fcm", "webpush")
    ]
    fakes = [fcm(name=one.provider) for one in devices]
    ref = ledger[0].add("", channel="PUSH", provider="fcm", devices=devices)
    await start(*fakes).take([ref])
    await eventually(lambda: ledger[0].settled)
    assert ends(ledger[0], ref) == {"id-apns": "RELEASED", "id-fcm": "SUCCEEDED", "id-webpush": "RELEASED"}
    assert [len(fake.sent) for fake in fakes] == [0, 1, 0]


async def test_a_worker_that_stops_hands_back_the_devices_that_were_not_called(
    start: Start, ledger: tuple[FakeLedger, str]
) -> None:
    opened, begun = asyncio.Event(), asyncio.Event()

    async def answer(_: Outgoing) -> Outcome:
        begun.set()
        await opened.wait()
        return succeeded("m")

    provider = fcm(concurrency=1, answer=answer)
    ref = add(ledger[0], "a", "b", "c")
    engine = start(provider)
    await engine.take([ref])
    await begun.wait()
    stopping = asyncio.create_task(engine.stop())
    await eventually(lambda: engine._lines["fcm"].waiting == 0)
    opened.set()
    await stopping
    assert ends(ledger[0], ref) == {"id-a": "SUCCEEDED", "id-b": "RELEASED", "id-c": "RELEASED"}


async def test_what_cannot_be_rendered_fails_for_all_of_them(start: Start, ledger: tuple[FakeLedger, str]) -> None:
    ref = add(ledger[0], "a", "b", context={})
    provider = fcm()
    await start(provider).take([ref])
    await eventually(lambda: ledger[0].settled)
    assert set(ends(ledger[0], ref).values()) == {"PERMANENT_FAILURE"}
    assert provider.sent == []
