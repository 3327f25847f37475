"""A server that leaves while calls come in."""

from __future__ import annotations

import asyncio

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from shared.rpc.serving import Server


async def test_it_goes_on_answering_while_its_health_says_that_it_leaves() -> None:
    server = Server("127.0.0.1:0", (), reflect=False, drain_seconds=5.0, leave_seconds=0.3)
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        ask = health_pb2_grpc.HealthStub(channel).Check
        assert (await ask(health_pb2.HealthCheckRequest())).status == health_pb2.HealthCheckResponse.SERVING
        stopping = asyncio.create_task(server.stop())
        await asyncio.sleep(0)
        answer = await ask(health_pb2.HealthCheckRequest())
        assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert not stopping.done()
        await stopping
