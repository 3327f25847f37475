"""A watch goes on while connections inside Pulse are renewed; what must break it ends it as broken."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc.aio
import httpx
import pytest

from proof.planning import make_plan
from pulse.common.v1 import enums_pb2, notification_pb2
from pulse.gateway.v1 import notification_service_pb2 as api
from services.gateway.api import open_watches, subscription
from services.gateway.config import GatewaySettings
from services.gateway.server import Gateway
from services.local.plan import Plan
from shared.rpc import serving
from shared.rpc.statuses import from_rpc_error
from tests.gateway import fakes
from tests.gateway.conftest import Client
from tests.gateway.edge import edge
from tests.support import eventually

WATCH = f"/v1/notifications/{fakes.KNOWN_ID}:watch"
REF = ("default", fakes.KNOWN_ID)
AGE, GRACE = "grpc.max_connection_age_ms", "grpc.max_connection_age_grace_ms"


@contextlib.contextmanager
def renewing(grace_ms: int | None = None) -> Iterator[None]:
    """Servers that are made inside leave a connection after 300 ms, and cut it ``grace_ms`` later (None: as usual)."""
    changed = {AGE: 300} if grace_ms is None else {AGE: 300, GRACE: grace_ms}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(serving, "OPTIONS", [(name, changed.get(name, value)) for name, value in serving.OPTIONS])
        yield


@pytest.fixture
def peer_grace() -> int | None:
    """After how many ms the ledger cuts old connections; None: it does not renew them."""
    return None


@pytest.fixture
async def peers(peer_grace: int | None) -> AsyncIterator[fakes.Peers]:
    """Peers that know a notification of which more is to come."""
    with renewing(peer_grace) if peer_grace else contextlib.nullcontext():
        behind = fakes.Peers()
    make_known(behind)
    await behind.start()
    yield behind
    await behind.stop()


@pytest.fixture
def plan(tmp_path: Any) -> Plan:
    return make_plan(tmp_path)


def settings(plan: Plan, peers: fakes.Peers) -> GatewaySettings:
    addresses = {f"PULSE_{role}_ADDRESS": peers.address for role in ("ROUTER", "LEDGER", "DELIVERY")}
    return GatewaySettings.load({"PULSE_LISTEN": plan.ports.address("grpc"), "PULSE_DRAIN_SECONDS": "5", **addresses})


def make_known(peers: fakes.Peers) -> None:
    peers.know(notification_pb2.Notification(notification_id=fakes.KNOWN_ID))


async def send(peers: fakes.Peers) -> None:
    """Brings the notification to rest."""
    await peers.reader.timelines.happen(REF, enums_pb2.SENT, at_rest=True)


def asked(after: int = 0) -> api.WatchNotificationRequest:
    return api.WatchNotificationRequest(notification_id=fakes.KNOWN_ID, after_sequence=after)


async def test_it_tells_what_was_and_what_comes_until_it_is_at_rest(client: Client, peers: fakes.Peers) -> None:
    timelines = peers.reader.timelines
    await timelines.happen(REF, enums_pb2.SENDING)
    watch = aiter(client.notifications.WatchNotification(asked(after=1)))
    seen = [await anext(watch)]
    await eventually(lambda: timelines.followed)
    await timelines.happen(REF, enums_pb2.RETRYING)
    seen.append(await anext(watch))
    await send(peers)
    seen += [one async for one in watch]
    assert [(one.event.sequence, one.status) for one in seen] == [
        (2, enums_pb2.SENDING),
        (3, enums_pb2.RETRYING),
        (4, enums_pb2.SENT),
    ]


async def test_one_of_what_is_at_rest_ends_at_once_and_follows_nothing(client: Client, peers: fakes.Peers) -> None:
    await send(peers)
    watch = client.notifications.WatchNotification(asked())
    assert [one.event.sequence async for one in watch] == [1, 2]
    assert peers.reader.timelines.streams_begun == 0


async def test_one_from_behind_the_last_event_ends_with_its_notification(client: Client, peers: fakes.Peers) -> None:
    watch = client.notifications.WatchNotification(asked(after=7))
    await eventually(lambda: peers.reader.timelines.followed)
    await send(peers)
    assert [one async for one in watch] == []


async def test_a_timeline_of_many_events_is_told_whole(client: Client, peers: fakes.Peers) -> None:
    """The ledger gives fifty at a time."""
    for _ in range(120):
        await peers.reader.timelines.happen(REF)
    await send(peers)
    watch = client.notifications.WatchNotification(asked())
    assert [one.event.sequence async for one in watch] == list(range(1, 123))


async def test_all_watches_of_one_notification_hear_of_it(client: Client, peers: fakes.Peers) -> None:
    """By one place in one stream, whatever each has seen."""
    watches = [client.notifications.WatchNotification(asked(after=number % 2)) for number in range(20)]
    await eventually(lambda: peers.reader.timelines.followed)
    await send(peers)
    seen = [[one.event.sequence async for one in watch] for watch in watches]
    assert seen == [[1, 2], [2]] * 10


async def test_what_nobody_watches_any_more_is_followed_no_more(client: Client, peers: fakes.Peers) -> None:
    one, other = (client.notifications.WatchNotification(asked()) for _ in range(2))
    assert await one.read()
    assert await other.read()
    await eventually(lambda: peers.reader.timelines.followed == 1)
    one.cancel()
    other.cancel()
    await eventually(lambda: peers.reader.timelines.followed == 0)
    again = client.notifications.WatchNotification(asked())
    await eventually(lambda: peers.reader.timelines.followed == 1)
    await send(peers)
    assert [seen.event.sequence async for seen in again] == [1, 2]
    assert peers.reader.timelines.streams_begun == 1


@pytest.mark.parametrize("peer_grace", [100])
async def test_it_outlives_connections_to_the_ledger(client: Client, peers: fakes.Peers) -> None:
    timelines = peers.reader.timelines
    watch = client.notifications.WatchNotification(asked())
    events = aiter(watch)
    seen = [await anext(events)]
    for number in range(1, 4):
        await eventually(lambda number=number: timelines.streams_begun > number)
        await timelines.happen(REF)
        seen.append(await anext(events))
    await send(peers)
    seen += [one async for one in events]
    assert [one.event.sequence for one in seen] == [1, 2, 3, 4, 5]
    assert await watch.code() is grpc.StatusCode.OK
    assert not any(one.HasField("error") for one in seen)


async def test_it_outlives_a_ledger_that_is_started_anew(client: Client, peers: fakes.Peers) -> None:
    watch = aiter(client.notifications.WatchNotification(asked()))
    assert (await anext(watch)).event.sequence == 1
    port = peers.address.rpartition(":")[2]
    await peers.stop()
    again = fakes.Peers(listen=f"127.0.0.1:{port}")
    make_known(again)
    await send(again)
    await again.start()
    assert [one.event.sequence async for one in watch] == [2]
    await again.stop()


async def test_a_ledger_that_stays_away_breaks_it(
    client: Client, peers: fakes.Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscription, "MOST_FAILURES", 2)
    watch = client.notifications.WatchNotification(asked())
    assert await watch.read()
    await peers.stop()
    with pytest.raises(grpc.aio.AioRpcError) as broken:
        await watch.read()
    assert broken.value.code() is grpc.StatusCode.UNAVAILABLE


async def lines(answer: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    async for line in answer.aiter_lines():
        if line:
            yield json.loads(line)


async def test_over_rest_it_outlives_connections_to_the_gateway(plan: Plan, peers: fakes.Peers) -> None:
    with renewing():
        gateway = Gateway(settings(plan, peers))
    await gateway.start()
    timelines = peers.reader.timelines
    admin = httpx.AsyncClient(base_url=f"http://{plan.ports.address('envoy_admin')}")

    async def connections() -> int:
        figure = "cluster.pulse-gateway-watch.upstream_cx_total"
        return int((await admin.get("/stats", params={"filter": f"^{figure}$"})).text.rpartition(" ")[2])

    async with admin, edge(plan) as rest, rest.stream("GET", WATCH) as answer:
        events = lines(answer)
        assert (await anext(events))["event"]["sequence"] == 1
        before = await connections()

        async def renewed() -> bool:
            async with rest.stream("GET", WATCH) as another:
                await anext(lines(another))
            return await connections() > before + 2

        await eventually(renewed)
        assert timelines.streams_begun == 1
        await send(peers)
        rest_of_them = [event async for event in events]
    assert [event["status"] for event in rest_of_them] == ["SENT"]
    await gateway.stop()


async def test_over_rest_it_ends_as_broken_before_its_connection_is_cut(
    plan: Plan, peers: fakes.Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_watches, "CHECK_S", 0.05)
    with renewing(1_000):
        gateway = Gateway(settings(plan, peers))
    await gateway.start()
    async with edge(plan) as rest, rest.stream("GET", WATCH) as answer:
        (*_, last) = [event async for event in lines(answer)]
    assert last["error"]["details"][0]["reason"] == "WATCH_INTERRUPTED"
    await gateway.stop()


async def test_a_gateway_that_stops_says_so_as_the_last_line(plan: Plan, peers: fakes.Peers) -> None:
    gateway = Gateway(settings(plan, peers))
    await gateway.start()
    async with edge(plan) as rest, rest.stream("GET", WATCH) as answer:
        events = lines(answer)
        first = await anext(events)
        async with asyncio.timeout(3):  # well before calls in flight are cut off
            stopped = asyncio.create_task(gateway.stop())
            (last,) = [event async for event in events]
            await stopped
    assert "error" not in first
    assert "event" not in last
    assert last["error"]["code"] == grpc.StatusCode.UNAVAILABLE.value[0]
    assert last["error"]["details"][0]["reason"] == "WATCH_INTERRUPTED"


async def test_over_grpc_a_gateway_that_stops_says_so_as_the_status(plan: Plan, peers: fakes.Peers) -> None:
    gateway = Gateway(settings(plan, peers))
    await gateway.start()
    async with grpc.aio.insecure_channel(plan.ports.address("grpc")) as channel:
        watch = Client(channel, "").notifications.WatchNotification(asked())
        assert await watch.read()
        stopped = asyncio.create_task(gateway.stop())
        with pytest.raises(grpc.aio.AioRpcError) as broken:
            await watch.read()
        await stopped
    error = from_rpc_error(broken.value)
    assert (error.code.name, error.reason, error.retry_after) == ("UNAVAILABLE", "WATCH_INTERRUPTED", 1.0)
    await eventually(lambda: peers.reader.timelines.followed == 0)


async def test_over_rest_what_fails_before_the_first_event_is_an_http_error(plan: Plan, peers: fakes.Peers) -> None:
    gateway = Gateway(settings(plan, peers))
    await gateway.start()
    async with edge(plan) as rest:
        for unknown, status in (("00000000-0000-7000-8000-000000000000", 404), ("42", 400)):
            answer = await rest.get(f"/v1/notifications/{unknown}:watch")
            assert (answer.status_code, answer.json()["message"] != "") == (status, True)
    await gateway.stop()
