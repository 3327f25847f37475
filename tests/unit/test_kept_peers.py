"""Kept streams and the servers at their other ends: which come, go, break, and are of another release."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from pulse.router.v1 import router_service_pb2 as pb
from pulse.router.v1 import router_service_pb2_grpc as rpc
from services.local import certificates
from shared.errors import Code, PulseError
from shared.rpc import callers
from shared.rpc.channels import call, open_channel
from shared.rpc.kept import open_streams
from shared.rpc.kept import server as kept_server
from shared.rpc.serving import Server
from tests.support import eventually
from tests.support.far_link import far_link
from tests.unit.kept_scene import (
    Router,
    answer,
    goes_by_stream,
    name_of,
    raw_stream,
    scene,
    started,
    submit,
)

CALLERS = 20


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks for peers many times a second."""
    for name in ("LOOK_SECONDS", "RETRY_SECONDS", "PAUSE_SECONDS"):
        monkeypatch.setattr(open_streams, name, 0.05)


@asynccontextmanager
async def calling(*ports: int, **options: Any) -> AsyncIterator[Any]:
    """A stub for these servers, which take turns."""
    target = "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in ports)
    async with open_channel(target, keeps_calls=True, **options) as channel:
        yield rpc.RouterServiceStub(channel)


@asynccontextmanager
async def many_callers(stub: Any) -> AsyncIterator[dict[str, int]]:
    """Callers who call again and again until the block ends, each for his own answer; counts these. None may fail."""
    stop, counted = asyncio.Event(), {"answers": 0}

    async def caller(number: int) -> None:
        while not stop.is_set():
            name = f"{number}-{counted['answers']}"
            assert await stub.Submit(submit(name), timeout=20) == answer(name)
            counted["answers"] += 1

    async with asyncio.TaskGroup() as group:
        for number in range(CALLERS):
            group.create_task(caller(number))
        try:
            yield counted
        finally:
            stop.set()


async def more(counted: dict[str, int], count: int = 3 * CALLERS) -> None:
    enough = counted["answers"] + count
    await eventually(lambda: counted["answers"] >= enough)


async def test_a_stream_that_breaks_loses_nothing_and_the_next_call_goes_on_a_new_one() -> None:
    """What was under way is tried again as the channel would; each caller has the answer to what he asked."""
    router, gate = Router(), asyncio.Event()

    async def behave(request: pb.SubmitRequest) -> pb.SubmitResponse:
        await gate.wait()
        return answer(name_of(request))

    server = await started(router)
    async with far_link(server.port) as link, calling(link.port) as stub:
        await goes_by_stream(stub, router)
        router.behaviour = behave
        router.by_stream.clear()
        router.by_unary.clear()
        calls = [asyncio.create_task(stub.Submit(submit(str(n)), timeout=20)) for n in range(CALLERS)]
        await eventually(lambda: len(router.by_stream) == CALLERS)
        link.cut()
        await eventually(lambda: len(router.cancelled) == CALLERS)
        gate.set()
        assert await asyncio.gather(*calls) == [answer(str(n)) for n in range(CALLERS)]
        assert sorted(router.by_unary, key=int) == [str(n) for n in range(CALLERS)]
        await goes_by_stream(stub, router)
    await server.stop()


async def test_where_nobody_is_left_calls_fail_as_unavailable() -> None:
    async def behave(_: pb.SubmitRequest) -> pb.SubmitResponse:
        await asyncio.Event().wait()
        raise AssertionError

    router = Router()
    server = await started(router)
    async with far_link(server.port) as link, calling(link.port) as stub:
        await goes_by_stream(stub, router)
        router.behaviour = behave
        router.by_stream.clear()
        under_way = asyncio.create_task(call(stub.Submit, submit("a")))
        await eventually(lambda: router.by_stream == ["a"])
        await link.stop()
        for failing in (under_way, call(stub.Submit, submit("b"))):
            with pytest.raises(PulseError) as caught:
                await failing
            assert caught.value.code is Code.UNAVAILABLE
            assert "127.0.0.1" not in caught.value.message
    await server.stop()


@pytest.mark.parametrize("servers", [1, 2, 3])
async def test_calls_are_spread_over_all_servers_alike(servers: int) -> None:
    routers = [Router() for _ in range(servers)]
    serving = [await started(router) for router in routers]
    async with calling(*(server.port for server in serving)) as stub:
        await goes_by_stream(stub, *routers)
        for router in routers:
            router.by_stream.clear()
        for _ in range(20 * servers):
            await stub.Submit(submit("a"))
        assert [len(router.by_stream) for router in routers] == [20] * servers
    for server in serving:
        await server.stop()


async def test_no_caller_notices_that_one_of_two_servers_is_stopped() -> None:
    routers = [Router(), Router()]
    servers = [await started(router) for router in routers]
    async with calling(*(server.port for server in servers)) as stub:
        await goes_by_stream(stub, *routers)
        async with many_callers(stub) as counted:
            await more(counted)
            await servers[0].stop()
            answered = len(routers[0].by_stream)
            await more(counted)
            assert len(routers[0].by_stream) == answered
        assert not routers[0].cancelled
    await servers[1].stop()


async def test_a_server_that_stops_lets_calls_under_way_end() -> None:
    gate = asyncio.Event()

    async def behave(request: pb.SubmitRequest) -> pb.SubmitResponse:
        await gate.wait()
        return answer(name_of(request))

    async with scene(behave) as (router, server, stub):
        calls = [asyncio.create_task(stub.Submit(submit(str(n)), timeout=20)) for n in range(5)]
        await eventually(lambda: len(router.by_stream) == 5)
        stopping = asyncio.create_task(server.stop())
        await eventually(server.closing.is_set)
        gate.set()
        assert await asyncio.gather(*calls) == [answer(str(n)) for n in range(5)]
        await asyncio.wait_for(stopping, 3)
        assert router.cancelled == router.by_unary == []


async def test_a_server_that_stops_still_answers_who_has_not_heard_of_it() -> None:
    async with scene() as (_, server, _), raw_stream(server) as stream:
        stopping = asyncio.create_task(server.stop())
        assert (await stream.hear()).leaving
        await stream.say(number=1, method="/pulse.router.v1.RouterService/Submit", timeout_us=5_000_000)
        assert (await stream.hear()).number == 1
        assert await stream.close() is grpc.StatusCode.OK
        await stopping


async def test_a_stream_ends_in_time_and_nobody_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that certificates are shown again, and new replicas found."""
    monkeypatch.setattr(kept_server, "STREAM_SECONDS", 0.1)
    welcomed = 0
    router = Router()
    server = await started(router)
    async with calling(server.port) as stub, raw_stream(server) as stream:
        async with many_callers(stub) as counted:
            assert (await stream.hear()).leaving
            assert await stream.close() is grpc.StatusCode.OK
            for _ in range(4):
                before = len(router.by_unary), len(router.by_stream)
                await eventually(lambda was=before: len(router.by_unary) > was[0] and len(router.by_stream) > was[1])
                welcomed += 1
            await more(counted)
        assert router.cancelled == []
    await server.stop()
    assert welcomed == 4


async def test_a_server_of_the_release_before_is_asked_by_the_unary_method_until_it_is_replaced() -> None:
    former, router = Router(), Router()
    server = await started(former, keeps_calls=False)
    port = server.port
    async with calling(port) as stub:
        async with many_callers(stub) as counted:
            await more(counted)
        assert former.by_stream == []
        await server.stop()
        server = await started(router, port)
        await answers_again(stub)
        await goes_by_stream(stub, router)
        await server.stop()
        server = await started(former, port, keeps_calls=False)
        before = len(former.by_unary)
        await answers_again(stub)
        assert len(former.by_unary) > before
        assert former.by_stream == []
    await server.stop()


async def test_a_caller_of_the_release_before_is_served_by_the_unary_method() -> None:
    async with scene() as (router, server, _), open_channel(f"127.0.0.1:{server.port}") as plain:
        assert await rpc.RouterServiceStub(plain).Submit(submit("a")) == answer("a")
        assert (router.by_unary, router.by_stream) == (["a"], [])


async def test_while_one_of_two_servers_is_of_the_release_before_both_have_their_part() -> None:
    former, router, newest = Router(), Router(), Router()
    servers = [await started(former, keeps_calls=False), await started(router)]
    async with calling(*(server.port for server in servers)) as stub:
        await eventually_all(stub, former, router)

        async def both_have_their_part() -> bool:
            parts = [len(former.by_unary), len(router.by_unary) + len(router.by_stream)]
            for _ in range(40):
                await stub.Submit(submit("a"))
            gained = [len(former.by_unary) - parts[0], len(router.by_unary) + len(router.by_stream) - parts[1]]
            return min(gained) >= 8

        await eventually(both_have_their_part)
        await servers[0].stop()
        servers[0] = await started(newest, servers[0].port)
        await goes_by_stream(stub, router, newest)
    for server in servers:
        await server.stop()


async def answers_again(stub: Any) -> None:
    """Returns when what took a server's place is found: for a moment nobody listened there."""

    async def answers() -> bool:
        try:
            return bool(await stub.Submit(submit("again"), timeout=10) == answer("again"))
        except grpc.aio.AioRpcError as error:
            assert error.code() is grpc.StatusCode.UNAVAILABLE
            return False

    await eventually(answers)


async def eventually_all(stub: Any, *routers: Router) -> None:
    """Returns when calls reach all of them by the unary method."""

    async def another() -> bool:
        before = [len(router.by_unary) for router in routers]
        for _ in range(4 * len(routers)):
            await stub.Submit(submit("warm"), timeout=10)
        return all(len(router.by_unary) > count for router, count in zip(routers, before, strict=True))

    await eventually(another)


@asynccontextmanager
async def by_certificates(folder: Path, role: str) -> AsyncIterator[tuple[Router, Server, Any]]:
    """A router and a caller of a role, both with certificates."""
    router = Router()
    server = await started(router, tls=certificates.files(folder, "router"))
    options = {"tls": certificates.files(folder, role), "to": "router", "keeps_calls": True}
    async with open_channel(f"127.0.0.1:{server.port}", **options) as channel:
        yield router, server, rpc.RouterServiceStub(channel)
    await server.stop()


@pytest.fixture(scope="module")
def made_certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    certificates.make(folder, dt.datetime.now(dt.UTC))
    return folder


async def test_a_role_that_may_have_a_stream_may_call_by_it_only_what_it_may_call(
    made_certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with by_certificates(made_certificates, "gateway") as (router, _, stub):
        await goes_by_stream(stub, router)
        monkeypatch.setitem(callers.ALLOWED, "gateway", {"pulse.rpc.v1.KeptStreamService": ("Exchange",)})  # type: ignore[arg-type]
        served = len(router.by_stream)
        with pytest.raises(PulseError) as caught:
            await call(stub.Submit, submit("a"))
        assert (caught.value.code, caught.value.reason) == (Code.PERMISSION_DENIED, "CALLER_NOT_ALLOWED")
        assert len(router.by_stream) == served


@pytest.mark.parametrize("role", ["console", "edge", "client", "ledger"])
async def test_a_role_that_may_have_no_stream_is_refused_by_the_method_that_it_called(
    role: str, made_certificates: Path
) -> None:
    async with by_certificates(made_certificates, role) as (router, _, stub):
        for _ in range(2):
            with pytest.raises(PulseError) as caught:
                await call(stub.Submit, submit("a"))
            assert (caught.value.code, caught.value.reason) == (Code.PERMISSION_DENIED, "CALLER_NOT_ALLOWED")
            assert caught.value.metadata["method"].endswith("/Submit")
        assert router.by_stream == router.by_unary == []
