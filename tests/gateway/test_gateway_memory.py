"""A gateway's memory while callers send it too much, straight to its port, and what it gives back."""

from __future__ import annotations

import asyncio
import itertools
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from proof.planning import make_plan
from proof.waiting import accepts
from pulse.gateway.v1.notification_service_pb2_grpc import NotificationServiceStub
from shared.errors import Code
from tests.gateway import fakes
from tests.gateway.conftest import refusal, request
from tests.gateway.test_gateway_front_door import MIB, SECRET, key_file, many
from tests.support import eventually
from tests.support.memory import resident_mib
from tests.support.servers import running
from tests.support.unfinished import Held, all_of, grpc_messages

SERVICE = "/pulse.gateway.v1.NotificationService/"
LARGE = 15 * MIB
KEY = {"x-api-key": SECRET}
#: What a gateway may grow by: its bounds on what is under way, and what is in sockets and in Python's hands meanwhile.
NO_KEY_MIB = 60
KEY_MIB = 350


@dataclass
class Process:
    """A gateway in a process of its own that asks for keys."""

    pid: int
    port: int

    def channel(self) -> grpc.aio.Channel:
        options = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
        return grpc.aio.insecure_channel(f"127.0.0.1:{self.port}", options=options)

    async def honest(self) -> None:
        """Somebody with a key sends and is answered."""
        async with self.channel() as channel:
            sent = await NotificationServiceStub(channel).SendNotification(request(), metadata=tuple(KEY.items()))
            assert sent.notification_id

    async def unfinished(self, method: str, headers: dict[str, str], times: int) -> Sequence[Held]:
        connections = await many(times, lambda: grpc_messages(self.port, headers, SERVICE + method, LARGE))
        return list(itertools.chain.from_iterable(connections))


@pytest.fixture
async def gateway(peers: fakes.Peers, tmp_path: Path) -> AsyncIterator[Process]:
    port = make_plan(tmp_path).ports.grpc
    environment = {
        "PULSE_LISTEN": f"127.0.0.1:{port}",
        "PULSE_AUTH": "required",
        "PULSE_GATEWAY_API_KEYS_FILE": key_file(tmp_path),
        "PULSE_METRICS_PORT": "0",
        **{f"PULSE_{role}_ADDRESS": peers.address for role in ("ROUTER", "LEDGER", "DELIVERY")},
    }
    command = ["env", *(f"{name}={value}" for name, value in environment.items())]
    command += [sys.executable, "-m", "services.gateway"]
    log = tmp_path / "gateway.log"
    with running(command, log, lambda: True, signal.SIGKILL) as pid:
        await eventually(lambda: accepts(port), timeout=30)
        process = Process(pid, port)
        await process.honest()
        yield process


async def test_callers_without_a_key_hold_nothing_large(gateway: Process) -> None:
    before = resident_mib(gateway.pid)
    for headers in ({}, {"authorization": "Bearer wrong"}):
        for method in ("SendNotification", "BatchSendNotifications", "WatchNotification"):
            async with all_of(await gateway.unfinished(method, headers, 30)) as held:
                assert len(held) == 30 and max(one.sent for one in held) < MIB
                assert resident_mib(gateway.pid) - before < NO_KEY_MIB, method
                await gateway.honest()


async def test_whole_messages_without_a_key_are_refused_unread(gateway: Process) -> None:
    before = resident_mib(gateway.pid)
    async with gateway.channel() as channel:
        send = channel.unary_unary(SERVICE + "BatchSendNotifications")
        for error in await many(20, lambda: refusal(send(b"x" * LARGE))):
            assert (error.code, error.reason) == (Code.UNAUTHENTICATED, "API_KEY_MISSING")
    assert resident_mib(gateway.pid) - before < NO_KEY_MIB


async def test_a_caller_with_a_key_has_few_slow_messages_and_memory_is_given_back(gateway: Process) -> None:
    before = resident_mib(gateway.pid)
    for method in ("SendNotification", "BatchSendNotifications"):
        async with all_of(await gateway.unfinished(method, KEY, 40)) as held:
            assert resident_mib(gateway.pid) - before < KEY_MIB
            refused = [one for one in held if b"too many messages are on their way" in one.answer]
            assert refused, "who still listens is told; others gave up before"
            await gateway.honest()
    await eventually(lambda: resident_mib(gateway.pid) - before < NO_KEY_MIB, timeout=20)


async def test_health_is_watched_by_few(gateway: Process) -> None:
    channels = [gateway.channel() for _ in range(3)]
    watches = [health_pb2_grpc.HealthStub(one).Watch(health_pb2.HealthCheckRequest()) for one in channels * 100]

    async def refused(watch: Any) -> bool:
        try:
            return await watch.read() is grpc.aio.EOF
        except grpc.aio.AioRpcError as error:
            return error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED

    answers = await asyncio.gather(*map(refused, watches))
    assert answers.count(False) == 100
    await gateway.honest()
    for channel in channels:
        await channel.close()
