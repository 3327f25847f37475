"""The feed at the front door: pages, and streams that share what they ask the ledger."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from pulse.common.v1.key_pb2 import ApiKey
from pulse.gateway.v1 import event_service_pb2 as api
from pulse.gateway.v1 import key_service_pb2
from pulse.gateway.v1.key_service_pb2_grpc import KeyServiceStub
from services.gateway.api import open_watches
from shared.errors import Code, PulseError
from shared.rpc.statuses import from_rpc_error
from tests.gateway import fakes
from tests.gateway.conftest import Client, refusal
from tests.support import eventually


def stream(client: Client, after: str = "", *types: str, headers: Any = None) -> Any:
    request = api.StreamEventsRequest(after=after, event_types=types)
    return client.events.StreamEvents(request, metadata=headers)


async def next_event(call: Any) -> str:
    """The id of the next event that a stream tells."""
    async with asyncio.timeout(10):
        while True:
            told = await call.read()
            assert told is not grpc.aio.EOF
            if told.HasField("event"):
                return told.event.event_id


async def refused(call: Any) -> PulseError:
    """What a stream ends with, whatever it tells before."""
    async with asyncio.timeout(10):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            while await call.read() is not grpc.aio.EOF:
                pass
    return from_rpc_error(caught.value)


async def test_a_page_is_the_callers_tenants(client: Client, peers: fakes.Peers):
    mine = await peers.reader.feed.happen()
    await peers.reader.feed.happen("other")
    page = await client.events.ListEvents(api.ListEventsRequest())
    assert [event.event_id for event in page.events] == [mine.event_id]
    assert page.next_after == mine.position
    assert page.at_end


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"page_size": -1}, "page_size"),
        ({"page_size": 1001}, "page_size"),
        ({"after": "0" * 65}, "after"),
        ({"event_types": ["notification.sent"] * 33}, "event_types"),
        ({"event_types": ["n" * 65]}, "event_types[0]"),
    ],
)
async def test_what_breaks_a_bound_is_refused_by_its_name(client: Client, fields: dict[str, Any], field: str):
    error = await refusal(client.events.ListEvents(api.ListEventsRequest(**fields)))
    assert (error.code, error.violations[0].field) == (Code.INVALID_ARGUMENT, field)


async def test_a_stream_tells_what_was_and_what_comes(client: Client, peers: fakes.Peers):
    feed = peers.reader.feed
    before = [(await feed.happen()).event_id for _ in range(3)]
    call = stream(client)
    assert [await next_event(call) for _ in before] == before
    await eventually(lambda: feed.followed)
    for _ in range(3):
        event = await feed.happen()
        assert await next_event(call) == event.event_id


async def test_a_stream_goes_on_where_one_ended(client: Client, peers: fakes.Peers):
    feed = peers.reader.feed
    events = [await feed.happen() for _ in range(5)]
    call = stream(client)
    told = [await call.read() for _ in range(2)]
    call.cancel()
    again = stream(client, told[-1].next_after)
    assert [await next_event(again) for _ in range(3)] == [event.event_id for event in events[2:]]


async def test_from_now_on_a_stream_says_where_it_began(client: Client, peers: fakes.Peers):
    await peers.reader.feed.happen()
    call = stream(client, "latest")
    begun = await call.read()
    assert not begun.HasField("event")
    event = await peers.reader.feed.happen()
    again = stream(client, begun.next_after)
    assert await next_event(again) == await next_event(call) == event.event_id


async def test_a_stream_of_some_types_moves_on_by_the_others(client: Client, peers: fakes.Peers):
    other = await peers.reader.feed.happen(type_="notification.failed")
    call = stream(client, "", "notification.sent")
    told = await call.read()
    assert (told.HasField("event"), told.next_after) == (False, other.position)


async def test_streams_share_one_stream_of_the_ledgers_and_what_they_read(client: Client, peers: fakes.Peers):
    feed = peers.reader.feed
    calls = [stream(client) for _ in range(40)]
    for call in calls:
        await call.read()
    await eventually(lambda: feed.followed)
    lists = feed.lists
    events = [(await feed.happen()).event_id for _ in range(3)]
    for call in calls:
        assert [await next_event(call) for _ in events] == events
    assert (feed.streams_begun, feed.followed, feed.lists) == (1, 1, lists)
    assert max(feed.questions) == 1


async def test_what_nobody_streams_any_more_is_followed_no_more(client: Client, peers: fakes.Peers):
    call = stream(client)
    await call.read()
    await eventually(lambda: peers.reader.feed.followed)
    call.cancel()
    await eventually(lambda: not peers.reader.feed.followed)


async def test_a_position_that_is_none_ends_its_stream_and_no_other(client: Client, peers: fakes.Peers):
    good = stream(client)
    await good.read()
    assert (await refused(stream(client, "bad"))).reason == "INVALID_POSITION"
    event = await peers.reader.feed.happen()
    assert await next_event(good) == event.event_id


@pytest.fixture
async def keyed(serve: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Starts a gateway that wants keys, and looks at its streams more often, so that nobody waits for it."""
    monkeypatch.setattr(open_watches, "CHECK_S", 0.05)
    path = tmp_path / "keys.json"
    scopes = {"reader": ["read", "keys"], "sender": ["send", "templates", "operate"]}
    hashed = {name: hashlib.sha256(name.encode()).hexdigest() for name in scopes}
    path.write_text(
        json.dumps([{"tenant": "acme", "name": n, "sha256": hashed[n], "scopes": scopes[n]} for n in scopes])
    )

    async def start(**settings: str) -> Client:
        fast = {"PULSE_AUTH": "required", "PULSE_GATEWAY_KEYS_SECONDS": "0.02"}
        return await serve(**fast, PULSE_GATEWAY_API_KEYS_FILE=str(path), **settings)

    return start


def bearing(secret: str) -> Any:
    return [("authorization", f"Bearer {secret}")]


async def test_a_key_that_may_not_read_is_refused(keyed: Callable[..., Any]):
    client = await keyed()
    listed = await refusal(client.events.ListEvents(api.ListEventsRequest(), metadata=bearing("sender")))
    streamed = await refused(stream(client, headers=bearing("sender")))
    assert listed.code is streamed.code is Code.PERMISSION_DENIED


async def test_a_stream_ends_with_its_key(keyed: Callable[..., Any]):
    client = await keyed()
    keys = KeyServiceStub(client.channel)
    made = await keys.CreateKey(
        key_service_pb2.CreateKeyRequest(key=ApiKey(name="short", scopes=["read"])), metadata=bearing("reader")
    )
    await eventually(lambda: _reads(client, made.secret))
    call = stream(client, headers=bearing(made.secret))
    await call.read()
    await keys.RevokeKey(key_service_pb2.RevokeKeyRequest(key_id=made.key.key_id), metadata=bearing("reader"))
    assert (await refused(call)).code is Code.UNAUTHENTICATED


async def _reads(client: Client, secret: str) -> bool:
    try:
        await client.events.ListEvents(api.ListEventsRequest(), metadata=bearing(secret))
    except grpc.aio.AioRpcError:
        return False
    return True


async def test_streams_count_as_watches(keyed: Callable[..., Any]):
    client = await keyed(PULSE_GATEWAY_WATCHES_OF_KEY="2")
    for _ in range(2):
        await stream(client, headers=bearing("reader")).read()
    error = await refused(stream(client, headers=bearing("reader")))
    assert (error.code, error.reason) == (Code.RESOURCE_EXHAUSTED, "TOO_MANY_WATCHES")


async def test_a_stream_that_is_old_says_that_it_is_not_at_its_end(keyed: Callable[..., Any]):
    client = await keyed(PULSE_GATEWAY_WATCH_SECONDS="1")
    error = await refused(stream(client, headers=bearing("reader")))
    assert (error.code, error.reason) == (Code.UNAVAILABLE, "WATCH_INTERRUPTED")
