"""Following many notifications by one stream, and reading their events."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import grpc.aio
import pytest

from pulse.common.v1 import enums_pb2
from pulse.ledger.v1 import ledger_reader_pb2 as pb
from pulse.ledger.v1 import records_pb2
from services.ledger.read.timelines import MOST_EVENTS, TimelinePlace
from services.ledger.server import Ledger
from shared.errors import Code, PulseError
from shared.ids import uuid7
from shared.rpc.channels import call, open_channel
from shared.rpc.statuses import from_rpc_error
from tests.ledger.calls import TENANT, Calls, Outcome, names, receipt
from tests.ledger.conftest import NOON, Database
from tests.ledger.following import Following, events
from tests.support import eventually

NONE = records_pb2.NotificationRef(tenant_id=TENANT, notification_id="01890000-0000-7000-8000-000000000000")


async def sent(calls: Calls, ref: records_pb2.NotificationRef) -> None:
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.SUCCEEDED, provider_message_id="m-1")


async def test_each_event_is_told_of_as_it_is_recorded(calls: Calls):
    ref = await calls.recorded()
    async with Following(calls) as following:
        await following.follow(ref, 1)
        (claimed,) = await calls.claim(ref)
        await following.until(ref, 2)
        await calls.end(claimed, Outcome.SUCCEEDED, provider_message_id="m-1")
        await following.until(ref, 3)


async def test_what_happened_before_it_was_followed_is_told_without_the_wait_for_a_look_at_all(settings, clock):
    ledger = Ledger(settings.model_copy(update={"ledger_watch_seconds": 60.0}), clock)
    await ledger.start()
    async with open_channel(f"127.0.0.1:{ledger.port}") as channel:
        calls = Calls(channel, clock)
        ref = await calls.recorded()
        await sent(calls, ref)
        async with Following(calls) as following:
            await following.follow(ref, 1)
            await following.until(ref, 3)
    await ledger.stop()


async def test_nothing_is_told_of_what_was_seen(calls: Calls):
    seen, unseen = await calls.recorded(), await calls.recorded()
    async with Following(calls) as following:
        await following.follow(seen, 1)
        await following.follow(unseen, 0)
        await following.until(unseen, 1)
    assert seen.notification_id not in following.told


async def test_what_was_told_is_not_told_again(calls: Calls):
    ref, other = await calls.recorded(), await calls.recorded()
    async with Following(calls) as following:
        await following.follow(ref)
        await following.until(ref, 1)
        await following.follow(other)
        await following.until(other, 1)
        await calls.cancel(other)
        await following.until(other, 2)
    assert following.times == {ref.notification_id: 1, other.notification_id: 2}


async def test_what_another_ledger_records_is_told_too(calls: Calls, settings, clock):
    refs = [await calls.recorded() for _ in range(20)]
    other = Ledger(settings, clock)
    await other.start()
    try:
        async with open_channel(f"127.0.0.1:{other.port}") as channel, Following(calls) as following:
            await following.follow_all(pb.TimelinePlace(ref=ref, sequence=1) for ref in refs)
            for ref in refs:
                await Calls(channel, clock).cancel(ref)
            for ref in refs:
                await following.until(ref, 2)
    finally:
        await other.stop()


#: Which notification each further watch of a stream of them is for: another one, or the same.
STREAMS: dict[str, Callable[[], str]] = {
    "of others each time": lambda: uuid7(NOON),
    "of the same again and again": lambda: NONE.notification_id,
}


@contextlib.asynccontextmanager
async def watches_without_end(ledger: Ledger, next_id: Callable[[], str], at_once: int) -> AsyncIterator[None]:
    """So many watches more at every turn of the ledger's event loop; of those before, it is told no more."""
    follower = ledger._watchers.follower()

    async def add() -> None:
        with follower as one:
            while True:
                refs = [(TENANT, next_id()) for _ in range(at_once)]
                one.follow(TimelinePlace(ref, 0) for ref in refs)
                await asyncio.sleep(0)
                one.drop(refs)

    adding = asyncio.create_task(add())
    try:
        yield
    finally:
        adding.cancel()
        await asyncio.wait([adding])


@pytest.mark.parametrize("at_once", [1, 50])
@pytest.mark.parametrize("stream", STREAMS)
async def test_what_another_ledger_records_is_told_however_many_watches_begin_meanwhile(
    stream: str, at_once: int, calls: Calls, ledger: Ledger, settings, clock
):
    """Those watches are told of what there is already, too."""
    refs = [await calls.recorded() for _ in range(3)]
    later = await calls.recorded()
    other = Ledger(settings, clock)
    await other.start()
    try:
        async with open_channel(f"127.0.0.1:{other.port}") as channel, Following(calls) as following:
            await following.follow_all(pb.TimelinePlace(ref=ref, sequence=0) for ref in refs)
            for ref in refs:
                await following.until(ref, 1)
            async with watches_without_end(ledger, STREAMS[stream], at_once):
                for ref in refs:
                    await Calls(channel, clock).cancel(ref)
                    await following.until(ref, 2)
                await following.follow(later)
                await following.until(later, 1)
    finally:
        await other.stop()


async def test_one_that_is_dropped_is_told_of_no_more(calls: Calls):
    dropped, kept = await calls.recorded(), await calls.recorded()
    async with Following(calls) as following:
        await following.follow(dropped, 1)
        await following.follow(kept)
        await following.until(kept, 1)
        await following.drop(dropped)
        await following.follow(kept, 0)
        await calls.cancel(dropped)
        await calls.cancel(kept)
        await following.until(kept, 2)
    assert dropped.notification_id not in following.told


async def test_notifications_of_all_tenants_are_told_by_one_stream(calls: Calls):
    refs = [await calls.recorded(tenant_id=tenant) for tenant in ("acme", "globex", "initech")]
    async with Following(calls) as following:
        await following.follow_all(pb.TimelinePlace(ref=ref) for ref in refs)
        for ref in refs:
            await following.until(ref, 1)


async def test_another_tenant_s_notification_is_none(calls: Calls):
    """Neither told of nor read: the name is that of a notification which does not exist."""
    mine = await calls.recorded()
    stolen = records_pb2.NotificationRef(tenant_id="globex", notification_id=mine.notification_id)
    async with Following(calls) as following:
        await following.follow(stolen)
        await following.follow(mine)
        await calls.cancel(mine)
        await following.until(mine, 2)
        assert following.times[mine.notification_id] <= 2
    (theirs,) = await events(calls, (stolen, 0))
    assert (theirs.last_sequence, list(theirs.events)) == (0, [])


async def test_five_thousand_are_followed_by_one_stream(calls: Calls):
    """In messages of a thousand; those that never existed cost their names alone."""
    ref = await calls.recorded()
    ids = [f"01890000-0000-7000-8000-{number:012x}" for number in range(5_000)]
    nothing = [pb.TimelinePlace(ref=records_pb2.NotificationRef(tenant_id=TENANT, notification_id=one)) for one in ids]
    async with Following(calls) as following:
        for start in range(0, len(nothing), 1_000):
            await following.follow_all(nothing[start : start + 1_000])
        await following.follow(ref)
        await following.until(ref, 1)
    assert list(following.told) == [ref.notification_id]


async def test_too_many_named_at_once_are_refused(calls: Calls):
    async with Following(calls) as following:
        await following.follow_all([pb.TimelinePlace(ref=NONE)] * 1_001)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await following.ended()
    assert from_rpc_error(caught.value).code is Code.INVALID_ARGUMENT


async def test_a_caller_that_says_no_more_ends_the_stream(calls: Calls):
    async with Following(calls) as following:
        await following.stream.done_writing()
        await following.ended()


async def test_a_caller_that_has_gone_is_forgotten(calls: Calls, ledger: Ledger):
    ref = await calls.recorded()
    async with Following(calls) as following:
        await following.follow(ref)
        await following.until(ref, 1)
    await eventually(lambda: not ledger._watchers._followers)


async def test_following_outlives_lost_connections_to_postgresql(calls: Calls, database: Database):
    ref = await calls.recorded()
    async with Following(calls) as following:
        await following.follow(ref)
        await following.until(ref, 1)
        database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await calls.cancel(ref)
        await following.until(ref, 2)
        other = await calls.recorded()
        await following.follow(other)
        await following.until(other, 1)


async def test_a_ledger_that_stops_says_so_before_calls_in_flight_are_cut_off(settings, clock):
    ledger = Ledger(settings.model_copy(update={"drain_seconds": 60.0}), clock)
    await ledger.start()
    async with open_channel(f"127.0.0.1:{ledger.port}") as channel:
        calls = Calls(channel, clock)
        ref = await calls.recorded()
        async with Following(calls) as following:
            await following.follow(ref)
            await following.until(ref, 1)
            async with asyncio.timeout(20):
                stopped = asyncio.create_task(ledger.stop())
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await following.ended()
                await stopped
    error = from_rpc_error(caught.value)
    assert (error.code, error.reason) == (Code.UNAVAILABLE, "LEAVING")


async def test_events_behind_a_place_are_those_of_the_timeline(calls: Calls):
    ref = await calls.recorded()
    await sent(calls, ref)
    timeline = await calls.timeline(ref)
    for sequence in range(5):
        (found,) = await events(calls, (ref, sequence))
        assert [names(event) for event in found.events] == timeline[sequence:]
        assert (found.last_sequence, found.at_rest) == (3, True)


async def test_events_of_many_are_given_in_the_order_asked_for(calls: Calls):
    done, new = await calls.recorded(), await calls.recorded(tenant_id="globex")
    await sent(calls, done)
    found = await events(calls, (new, 0), (NONE, 0), (done, 2), (done, 0), (new, 1))
    assert [(len(one.events), one.last_sequence, one.at_rest) for one in found] == [
        (1, 1, False),
        (0, 0, False),
        (1, 3, True),
        (3, 3, True),
        (0, 1, False),
    ]


async def test_a_receipt_is_an_event_behind_its_rest(calls: Calls):
    ref = await calls.recorded()
    await sent(calls, ref)
    await calls.receive(receipt(ref, enums_pb2.DELIVERED))
    (found,) = await events(calls, (ref, 3))
    assert [names(event) for event in found.events] == [("RECEIPT", "DELIVERED")]


async def test_events_carry_the_notification_s_trace(calls: Calls):
    ref = await calls.recorded(traceparent=f"00-{'a' * 32}-{'b' * 16}-01")
    (found,) = await events(calls, (ref, 0))
    assert [event.trace_id for event in found.events] == ["a" * 32]


def lengthen(database: Database, ref: records_pb2.NotificationRef, count: int, text: str = "") -> None:
    """Gives it so many events more."""
    database.execute(
        "INSERT INTO events (tenant_id, notification_id, sequence, recorded_at, kind, status, failure_message)"
        f" SELECT tenant_id, notification_id, n, recorded_at, kind, status, '{text}' FROM events,"
        f" generate_series(2, {count + 1}) n WHERE notification_id = '{ref.notification_id}'"
    )
    database.execute(f"UPDATE deliveries SET revision = {count + 1} WHERE notification_id = '{ref.notification_id}'")


async def test_a_long_timeline_is_read_piece_by_piece(calls: Calls, database: Database):
    ref = await calls.recorded()
    lengthen(database, ref, 119)
    seen: list[int] = []
    while True:
        (found,) = await events(calls, (ref, len(seen)))
        assert len(found.events) <= MOST_EVENTS
        seen += [event.sequence for event in found.events]
        if len(seen) == found.last_sequence:
            break
    assert seen == list(range(1, 121))


async def test_an_answer_is_bounded_in_bytes_and_the_rest_is_had_by_asking_again(calls: Calls, database: Database):
    refs = [await calls.recorded() for _ in range(30)]
    for ref in refs:
        lengthen(database, ref, 9, "x" * 20_000)
    seen = dict.fromkeys((ref.notification_id for ref in refs), 0)
    asked = 0
    while behind := [ref for ref in refs if seen[ref.notification_id] < 10]:
        places = [pb.TimelinePlace(ref=ref, sequence=seen[ref.notification_id]) for ref in behind]
        answer = await call(calls.reader.GetEvents, pb.GetEventsRequest(wanted=places))
        assert answer.ByteSize() < 3 * 1024 * 1024
        for ref, found in zip(behind, answer.results, strict=True):
            assert found.events
            seen[ref.notification_id] += len(found.events)
        asked += 1
    assert 2 <= asked < 6


async def test_a_long_timeline_takes_nothing_from_those_behind_it(calls: Calls, database: Database):
    long, short = await calls.recorded(), await calls.recorded()
    lengthen(database, long, 49, "x" * 100_000)
    *_, last = await events(calls, *[(long, 0)] * 99, (short, 0))
    assert len(last.events) == 1


async def test_too_many_or_no_places_are_refused(calls: Calls):
    for wanted in ([], [(NONE, 0)] * 101, [(NONE, -1)]):
        with pytest.raises(PulseError) as caught:
            await events(calls, *wanted)
        assert caught.value.code is Code.INVALID_ARGUMENT
