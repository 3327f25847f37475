"""Watching a notification."""

from __future__ import annotations

import asyncio

import pytest

from pulse.common.v1 import enums_pb2
from pulse.ledger.v1 import ledger_reader_pb2, records_pb2
from services.ledger.server import Ledger
from shared.channels import open_channel
from shared.errors import PulseError, from_rpc_error
from tests.ledger.calls import TENANT, Calls, Outcome, names, receipt


class Seen:
    """Follows one notification in the background."""

    def __init__(self, calls: Calls, ref: records_pb2.NotificationRef, after: int = 0) -> None:
        self.events: list[tuple[str, str]] = []
        self.more = asyncio.Event()
        request = ledger_reader_pb2.WatchNotificationRequest(ref=ref, after_sequence=after)
        self.task = asyncio.create_task(self._follow(calls.reader.WatchNotification(request, timeout=30)))

    async def _follow(self, stream) -> None:
        async for response in stream:
            assert response.status == response.event.status
            self.events.append(names(response.event))
            self.more.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.events) < count:
                self.more.clear()
                await self.more.wait()


async def test_events_arrive_as_they_are_recorded_until_it_is_sent(calls: Calls):
    ref = await calls.recorded()
    seen = Seen(calls, ref)
    await seen.until(1)
    (claimed,) = await calls.claim(ref)
    await seen.until(2)
    await calls.end(claimed, Outcome.SUCCEEDED, provider_message_id="m-1")
    await asyncio.wait_for(seen.task, 10)
    assert seen.events == await calls.timeline(ref)


async def test_a_watch_goes_on_where_it_was_left(calls: Calls):
    ref = await calls.recorded()
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.SUCCEEDED, provider_message_id="m-1")
    await calls.receive(receipt(ref, enums_pb2.DELIVERED))
    seen = Seen(calls, ref, after=3)
    await asyncio.wait_for(seen.task, 10)
    assert seen.events == [("RECEIPT", "DELIVERED")]


async def test_what_another_ledger_records_is_seen_too(calls: Calls, settings, clock):
    ref = await calls.recorded()
    watchers = [Seen(calls, ref) for _ in range(20)]
    for seen in watchers:
        await seen.until(1)
    other = Ledger(settings, clock)
    await other.start()
    try:
        async with open_channel(f"127.0.0.1:{other.port}") as channel:
            await Calls(channel, clock).cancel(ref)
        await asyncio.wait_for(asyncio.gather(*(seen.task for seen in watchers)), 10)
    finally:
        await other.stop()
    assert all(seen.events[-1] == ("CANCELLED", "CANCELLED") for seen in watchers)


async def test_nothing_cannot_be_watched(calls: Calls):
    ref = records_pb2.NotificationRef(tenant_id=TENANT, notification_id="01890000-0000-7000-8000-000000000000")
    seen = Seen(calls, ref)
    with pytest.raises(Exception) as caught:
        await seen.task
    error = from_rpc_error(caught.value)
    assert isinstance(error, PulseError)
    assert error.reason == "NOTIFICATION_NOT_FOUND"


async def test_a_watch_ends_with_its_caller(calls: Calls, ledger: Ledger):
    seen = Seen(calls, await calls.recorded())
    await seen.until(1)
    seen.task.cancel()
    await asyncio.wait([seen.task])
    assert seen.task.cancelled()
