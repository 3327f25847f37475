"""Callers of a server that is told to stop while others of its kind go on."""

from __future__ import annotations

import asyncio

import grpc

from pulse.router.v1 import router_service_pb2 as pb
from pulse.router.v1 import router_service_pb2_grpc as rpc
from shared.rpc.channels import open_channel
from shared.rpc.serving import Server
from tests.support import eventually

SERVICE = "pulse.router.v1.RouterService"
CALLERS = 30


class Router(rpc.RouterServiceServicer):
    """Answers after a moment, so that there are always calls in flight."""

    def __init__(self) -> None:
        self.answered = 0

    async def Submit(
        self, request: pb.SubmitRequest, context: grpc.aio.ServicerContext[pb.SubmitRequest, pb.SubmitResponse]
    ) -> pb.SubmitResponse:
        await asyncio.sleep(0.005)
        self.answered += 1
        return pb.SubmitResponse()


async def test_no_caller_notices_that_one_of_two_servers_is_stopped() -> None:
    """Calls that arrive just when a server begins to drain are cancelled by gRPC; the channel puts them elsewhere."""
    routers = [Router(), Router()]
    servers = [await _started(router) for router in routers]
    stop = asyncio.Event()
    async with open_channel("ipv4:" + ",".join(f"127.0.0.1:{server.port}" for server in servers)) as channel:
        stub = rpc.RouterServiceStub(channel)

        async def caller() -> None:
            while not stop.is_set():
                await stub.Submit(pb.SubmitRequest(), timeout=10)

        async with asyncio.TaskGroup() as callers:
            for _ in range(CALLERS):
                callers.create_task(caller())
            await eventually(lambda: all(router.answered >= CALLERS for router in routers))
            await servers[0].stop()
            enough = routers[1].answered + CALLERS
            await eventually(lambda: routers[1].answered >= enough)
            stop.set()
    await servers[1].stop()


async def _started(router: Router) -> Server:
    server = Server("127.0.0.1:0", [SERVICE], reflect=False, drain_seconds=5)
    rpc.add_RouterServiceServicer_to_server(router, server.grpc)
    await server.start()
    return server
