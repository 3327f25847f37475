"""What a call through a real server and channel keeps: errors, deadlines, health, limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pulse.router.v1 import router_service_pb2 as pb
from pulse.router.v1 import router_service_pb2_grpc as rpc
from shared.errors import Code, PulseError
from shared.rpc import deadlines
from shared.rpc import serving as serving_options
from shared.rpc.channels import call, open_channel
from shared.rpc.serving import Server
from tests.support import eventually

Behaviour = Callable[[pb.SubmitRequest], Any]
SERVICE = "pulse.router.v1.RouterService"


class Router(rpc.RouterServiceServicer):
    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour

    async def Submit(self, request: pb.SubmitRequest, context: Any) -> pb.SubmitResponse:
        answer = self.behaviour(request)
        return await answer if asyncio.iscoroutine(answer) else answer


@asynccontextmanager
async def serving(behaviour: Behaviour) -> AsyncIterator[tuple[Server, rpc.RouterServiceStub]]:
    server = Server("127.0.0.1:0", [SERVICE], reflect=True, drain_seconds=5)
    rpc.add_RouterServiceServicer_to_server(Router(behaviour), server.grpc)
    await server.start()
    async with open_channel(f"127.0.0.1:{server.port}") as channel:
        try:
            yield server, rpc.RouterServiceStub(channel)
        finally:
            await server.stop()


Serving = Callable[[Behaviour], AbstractAsyncContextManager[tuple[Server, Any]]]


def raising(error: Exception) -> Behaviour:
    def behave(_: pb.SubmitRequest) -> Any:
        raise error

    return behave


async def test_an_error_raised_by_a_service_is_raised_by_its_caller() -> None:
    error = PulseError(Code.RESOURCE_EXHAUSTED, "RATE_LIMITED", "10 per 60 s", hint="wait", retry_after=12.5)
    async with serving(raising(error)) as (_, stub):
        with pytest.raises(PulseError) as caught:
            await call(stub.Submit, pb.SubmitRequest())
    assert caught.value == error


async def test_a_retry_time_and_a_wanted_http_status_are_told_in_metadata_too() -> None:
    error = PulseError(Code.ALREADY_EXISTS, "X", "x", retry_after=12.2, metadata={"http_status": "422"})
    async with serving(raising(error)) as (_, stub):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Submit(pb.SubmitRequest())
    trailing = dict(caught.value.trailing_metadata())
    assert (trailing["retry-after"], trailing["x-http-code"]) == ("13", "422")


async def test_thousands_of_calls_that_come_at_once_are_all_answered() -> None:
    """None of them is cancelled because it has to wait for those before it."""
    async with serving(lambda _: pb.SubmitResponse()) as (server, _), AsyncExitStack() as stack:
        address = f"127.0.0.1:{server.port}"
        channels = [await stack.enter_async_context(open_channel(address, own_connection=True)) for _ in range(4)]
        stubs = [rpc.RouterServiceStub(channel) for channel in channels]
        answers = [stub.Submit(pb.SubmitRequest()) for stub in stubs for _ in range(900)]
        assert len(await asyncio.gather(*answers)) == 3_600


async def test_a_caller_that_vanished_without_a_word_is_parted_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that took its connection along: it answers no ping."""
    hurried = {"grpc.keepalive_time_ms": 300, "grpc.http2.ping_timeout_ms": 300}
    monkeypatch.setattr(serving_options, "OPTIONS", [(k, hurried.get(k, v)) for k, v in serving_options.OPTIONS])
    async with serving(lambda _: pb.SubmitResponse()) as (server, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
        async with asyncio.timeout(10):
            while await reader.read(65_536):
                pass
        writer.close()


async def test_channels_with_a_connection_of_their_own_do_not_share_the_bound_on_concurrent_calls() -> None:
    gate = asyncio.Event()

    async def wait() -> pb.SubmitResponse:
        await gate.wait()
        return pb.SubmitResponse()

    def behave(request: pb.SubmitRequest) -> Any:
        return wait() if request.submissions else pb.SubmitResponse()

    async with serving(behave) as (server, stub):
        held = [stub.Submit(pb.SubmitRequest(submissions=[pb.Submission()])) for _ in range(1_000)]
        async with open_channel(f"127.0.0.1:{server.port}", own_connection=True) as channel:
            assert await rpc.RouterServiceStub(channel).Submit(pb.SubmitRequest(), timeout=10) == pb.SubmitResponse()
        gate.set()
        await asyncio.gather(*held)


async def test_an_unexpected_error_tells_nothing_of_its_text() -> None:
    async with serving(raising(ValueError("ann@example.com"))) as (_, stub):
        with pytest.raises(PulseError) as caught:
            await call(stub.Submit, pb.SubmitRequest())
    assert caught.value.reason == "INTERNAL"
    assert "ann@example.com" not in str(caught.value)


async def test_a_server_that_is_gone_is_unavailable() -> None:
    async with open_channel("127.0.0.1:1") as channel:
        with pytest.raises(PulseError) as caught:
            await call(rpc.RouterServiceStub(channel).Submit, pb.SubmitRequest())
    assert caught.value.code is Code.UNAVAILABLE
    assert "127.0.0.1" not in caught.value.message, "addresses of the inside stay inside"


async def test_each_hop_gets_less_time_than_the_one_before() -> None:
    seen: list[float] = []

    def behave(_: pb.SubmitRequest) -> pb.SubmitResponse:
        seen.append(deadlines.remaining())
        return pb.SubmitResponse()

    async with serving(behave) as (_, stub):
        await stub.Submit(pb.SubmitRequest(), timeout=2.0)
        await stub.Submit(pb.SubmitRequest(), timeout=315_360_000)
        await stub.Submit(pb.SubmitRequest())
    assert 1.5 < seen[0] < 2.0
    assert all(deadlines.LONGEST - 1 < left < deadlines.LONGEST for left in seen[1:])


async def test_a_slow_service_is_given_up_at_the_deadline() -> None:
    async def behave(_: pb.SubmitRequest) -> pb.SubmitResponse:
        await asyncio.Event().wait()
        return pb.SubmitResponse()

    async with serving(lambda request: behave(request)) as (_, stub):
        with pytest.raises(PulseError) as caught:
            await call(stub.Submit, pb.SubmitRequest(), longest=0.1)
    assert caught.value.code is Code.DEADLINE_EXCEEDED


async def test_unavailable_is_tried_again_and_nothing_else_is() -> None:
    calls: list[str] = []
    errors = [PulseError(Code.UNAVAILABLE, "A", "a"), PulseError(Code.INTERNAL, "B", "b")]

    def behave(_: pb.SubmitRequest) -> Any:
        error = errors[len(calls)]
        calls.append(error.reason)
        raise error

    async with serving(behave) as (_, stub):
        with pytest.raises(PulseError) as caught:
            await call(stub.Submit, pb.SubmitRequest())
    assert (calls, caught.value.reason) == (["A", "B"], "B")


async def test_health_says_not_serving_while_calls_in_flight_are_let_end() -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def behave(_: pb.SubmitRequest) -> pb.SubmitResponse:
        entered.set()
        await leave.wait()
        return pb.SubmitResponse()

    async with serving(lambda request: behave(request)) as (server, stub):
        async with open_channel(f"127.0.0.1:{server.port}") as channel:
            watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=""))
            states = [(await watch.read()).status]
            in_flight = asyncio.ensure_future(stub.Submit(pb.SubmitRequest()))
            await entered.wait()
            stopping = asyncio.create_task(server.stop())
            states.append((await watch.read()).status)
            watch.cancel()
            leave.set()
            assert await in_flight == pb.SubmitResponse()
            await stopping
    serving_then_not = [health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING]
    assert states == serving_then_not


async def test_a_message_over_the_limit_is_refused() -> None:
    async with serving(lambda _: pb.SubmitResponse()) as (server, _):
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            request = pb.SubmitRequest(submissions=[pb.Submission(context_json="x" * 17 * 1024 * 1024)])
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await rpc.RouterServiceStub(channel).Submit(request)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_lost_server_is_found_again() -> None:
    async with serving(lambda _: pb.SubmitResponse()) as (server, _):
        port = server.port
        async with open_channel(f"127.0.0.1:{port}") as channel:
            stub = rpc.RouterServiceStub(channel)
            await call(stub.Submit, pb.SubmitRequest())
            await server.stop()
            again = Server(f"127.0.0.1:{port}", [SERVICE], reflect=False, drain_seconds=1)
            rpc.add_RouterServiceServicer_to_server(Router(lambda _: pb.SubmitResponse()), again.grpc)
            await again.start()

            async def answers() -> bool:
                try:
                    await call(stub.Submit, pb.SubmitRequest(), longest=1.0)
                except PulseError:
                    return False
                return True

            await eventually(answers)
            await again.stop()
