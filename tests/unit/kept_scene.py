"""A router that answers as a test says, and callers of it by kept streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import grpc.aio

from pulse.router.v1 import router_service_pb2 as pb
from pulse.router.v1 import router_service_pb2_grpc as rpc
from pulse.rpc.v1.kept_stream_pb2 import ExchangeRequest, ExchangeResponse
from shared.rpc.channels import open_channel
from shared.rpc.kept.bounds import KEPT
from shared.rpc.serving import Server
from tests.support import eventually

SERVICE = "pulse.router.v1.RouterService"
SUBMIT = f"/{SERVICE}/Submit"

Behaviour = Callable[[pb.SubmitRequest], Awaitable[pb.SubmitResponse]]


def submit(name: str) -> pb.SubmitRequest:
    """A request that bears a name."""
    return pb.SubmitRequest(submissions=[pb.Submission(tenant_id=name)])


def name_of(request: pb.SubmitRequest) -> str:
    return request.submissions[0].tenant_id if request.submissions else ""


def answer(name: str) -> pb.SubmitResponse:
    return pb.SubmitResponse(results=[pb.SubmitResult(notification_id=name)])


async def echo(request: pb.SubmitRequest) -> pb.SubmitResponse:
    return answer(name_of(request))


class Router(rpc.RouterServiceServicer):
    """Behaves, and remembers which requests came by a stream, which by the unary method, and whose were cancelled."""

    def __init__(self, behaviour: Behaviour = echo) -> None:
        self.behaviour = behaviour
        self.by_stream: list[str] = []
        self.by_unary: list[str] = []
        self.cancelled: list[str] = []

    async def Submit(self, request: pb.SubmitRequest, context: Any) -> pb.SubmitResponse:
        by_unary = hasattr(context, "send_initial_metadata")  # gRPC's own context, a call's alone
        (self.by_unary if by_unary else self.by_stream).append(name_of(request))
        try:
            return await self.behaviour(request)
        except asyncio.CancelledError:
            self.cancelled.append(name_of(request))
            raise


async def started(router: Router, port: int = 0, *, keeps_calls: bool = True, **options: Any) -> Server:
    """A server of it; to be stopped by the caller."""
    drain = options.pop("drain_seconds", 5)
    place = f"127.0.0.1:{port}"
    server = Server(place, [SERVICE], reflect=False, drain_seconds=drain, keeps_calls=keeps_calls, **options)
    rpc.add_RouterServiceServicer_to_server(router, server.grpc)
    await server.start()
    return server


class Scene(NamedTuple):
    router: Router
    server: Server
    stub: Any


@asynccontextmanager
async def scene(behaviour: Behaviour = echo, **options: Any) -> AsyncIterator[Scene]:
    """A router and a caller whose stream is open."""
    router = Router(echo)
    server = await started(router, **options)
    async with open_channel(f"127.0.0.1:{server.port}", keeps_calls=True) as channel:
        stub = rpc.RouterServiceStub(channel)
        try:
            await goes_by_stream(stub, router)
            router.by_stream.clear()
            router.by_unary.clear()
            router.behaviour = behaviour
            yield Scene(router, server, stub)
        finally:
            await server.stop()


async def goes_by_stream(stub: Any, *routers: Router) -> None:
    """Returns when calls that are made now reach all of them by streams."""

    async def another() -> bool:
        before = [len(router.by_stream) for router in routers]
        for _ in routers:
            await stub.Submit(submit("warm"), timeout=10)
        return all(len(router.by_stream) > count for router, count in zip(routers, before, strict=True))

    await eventually(another)


class RawStream:
    """A caller that says what no caller of ours says."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._call: Any = channel.stream_stream(KEPT)()

    async def say(self, **fields: Any) -> None:
        await self._call.write(ExchangeRequest(**fields).SerializeToString())

    async def say_bytes(self, raw: bytes) -> None:
        await self._call.write(raw)

    async def hear(self) -> ExchangeResponse:
        return ExchangeResponse.FromString(await self._call.read())

    async def close(self) -> grpc.StatusCode:
        """Says no more; how the stream ended."""
        await self._call.done_writing()
        return await self.ended()

    async def ended(self) -> grpc.StatusCode:
        code: grpc.StatusCode = await self._call.code()
        return code


@asynccontextmanager
async def raw_stream(server: Server) -> AsyncIterator[RawStream]:
    """One that the server has welcomed."""
    async with open_channel(f"127.0.0.1:{server.port}") as channel:
        stream = RawStream(channel)
        assert (await stream.hear()).welcome.instance
        yield stream
