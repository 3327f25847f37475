"""Calls between roles, of probes and of trace exports use no proxy, whatever the environment names."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.local.home import checkout
from services.local.probes import grpc_health
from shared.config import base_environment
from shared.observe.trace_export import tracer
from shared.rpc.channels import open_channel
from shared.rpc.serving import Server
from tests.support.http_proxy import CountingProxy
from tests.support.otlp_receiver import OtlpReceiver


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[CountingProxy]:
    """Named by the environment, for everything; whoever asks it is counted and refused."""
    with CountingProxy() as counting:
        for name, value in counting.environment.items():
            monkeypatch.setenv(name, value)
        yield counting


async def role(port: int) -> None:
    async with open_channel(f"127.0.0.1:{port}") as channel:
        await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)


async def laptop_probe(port: int) -> None:
    assert await grpc_health(port, None, "gateway")(0)


async def container_probe(port: int) -> None:
    script = str(checkout() / "deploy" / "docker" / "grpc_health.py")
    asked = await asyncio.create_subprocess_exec(
        sys.executable, "-P", script, f"127.0.0.1:{port}", env=base_environment()
    )
    assert await asked.wait() == 0


@pytest.mark.parametrize("caller", [role, laptop_probe, container_probe])
async def test_no_hop_within_goes_by_a_proxy(proxy: CountingProxy, caller: Callable[[int], Awaitable[None]]) -> None:
    server = Server("127.0.0.1:0", [], reflect=False, drain_seconds=1)
    await server.start()
    try:
        await caller(server.port)
    finally:
        await server.stop()
    assert proxy.asked == []


def test_traces_go_to_their_collector_directly(proxy: CountingProxy) -> None:
    with OtlpReceiver() as receiver:
        traced, export = tracer("gateway", receiver.endpoint)
        traced.start("a span", f"00-{'a' * 32}-{'b' * 16}-01").end()
        assert export is not None
        export.close()
        assert [span.name for span in receiver.spans] == ["a span"]
    assert proxy.asked == []
