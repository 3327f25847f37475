"""A role of several processes: real gateways under their parent."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from proof.waiting import accepts
from pulse.gateway.v1 import notification_service_pb2 as pb
from pulse.gateway.v1.notification_service_pb2_grpc import NotificationServiceStub
from services.ledger.config import LedgerSettings
from services.local.status import is_alive
from services.router.config import RouterSettings
from shared.config import ConfigError, base_environment
from shared.rpc.channels import open_channel
from tests.metrics.scraping import scrape
from tests.support import eventually

ROLES = ("gateway", "router", "ledger", "delivery")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Role:
    """A role's parent, and what all its processes have logged."""

    def __init__(self, process: asyncio.subprocess.Process, home: Path, port: int, health: int) -> None:
        self.process = process
        self.home = home
        self.port = port
        self.health = health

    def said(self, event: str) -> list[dict[str, Any]]:
        lines = (self.home / "log").read_text().splitlines()
        return [line for text in lines if (line := json.loads(text))["event"] == event]

    def serving(self) -> dict[int, int]:
        """How often each number began to serve."""
        return Counter(line["process"] for line in self.said("serving"))

    def children(self) -> list[int]:
        """Process ids, in the order of their numbers."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                stat, command = (folder / "stat").read_text(), (folder / "cmdline").read_text().split("\0")
            except OSError:
                continue
            if int(stat.rpartition(")")[2].split()[1]) == self.process.pid:
                found[command[-2]] = int(folder.name)
        return [found[name] for name in sorted(found)]

    async def ends(self) -> int:
        return await asyncio.wait_for(self.process.wait(), 60)

    def metrics(self, name: str, **labels: str) -> float:
        return scrape((self.home / "run" / "gateway.metrics").read_text().strip()).value(name, **labels)


@asynccontextmanager
async def started(home: Path, role: str = "gateway", **settings: str) -> AsyncIterator[Role]:
    """The parent of two processes, until the block ends."""
    port, health = free_port(), free_port()
    environment = {
        **base_environment(),
        "PULSE_HOME": str(home),
        "PULSE_METRICS_PORT": "0",
        "PULSE_LISTEN": f"127.0.0.1:{port}",
        "PULSE_HEALTH_LISTEN": f"127.0.0.1:{health}",
        **{f"PULSE_{one.upper()}_ADDRESS": "127.0.0.1:1" for one in ROLES},
        f"PULSE_{role.upper()}_PROCESSES": "2",
        **settings,
    }
    with (home / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", f"services.{role}", env=environment, stdout=log, stderr=log
        )
    try:
        yield Role(process, home, port, health)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@asynccontextmanager
async def gateway(home: Path) -> AsyncIterator[Role]:
    """A gateway whose two processes serve."""
    async with started(home) as role:
        await eventually(lambda: len(role.serving()) == 2 or role.process.returncode is not None, 60)
        assert role.process.returncode is None
        yield role


async def ask(port: int, calls: int = 40) -> None:
    """Calls that are refused at once, each on a connection of its own."""
    async with AsyncExitStack() as stack:
        for _ in range(calls):
            channel = await stack.enter_async_context(open_channel(f"127.0.0.1:{port}", own_connection=True))
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await NotificationServiceStub(channel).SendNotification(pb.SendNotificationRequest(), timeout=20)
            assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def health_of(port: int) -> Any:
    async with open_channel(f"127.0.0.1:{port}", own_connection=True) as channel:
        return (await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=20)).status


async def test_one_port_reaches_all_of_them_and_one_other_tells_their_sums(tmp_path: Path) -> None:
    async with gateway(tmp_path) as role:
        before = {child: cpu(child) for child in role.children()}
        await ask(role.port)
        asked = await asyncio.to_thread(role.metrics, "pulse_rpc_requests_total", grpc_code="INVALID_ARGUMENT")
        assert asked == 40
        assert await asyncio.to_thread(role.metrics, "pulse_build_info") == 1
        await eventually(lambda: len(role.said("request")) == 40)
        assert {line["process"] for line in role.said("request")} == {1, 2}
        assert all(cpu(child) > ticks for child, ticks in before.items())
        assert await health_of(role.port) == await health_of(role.health) == health_pb2.HealthCheckResponse.SERVING


def cpu(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


async def test_one_that_dies_is_replaced_under_its_number_while_the_other_serves(tmp_path: Path) -> None:
    async with gateway(tmp_path) as role:
        await ask(role.port, 20)
        before = await asyncio.to_thread(role.metrics, "pulse_rpc_requests_total")
        first, second = role.children()
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: not is_alive(first) and role.said("a process ended and is started again"))
        assert await health_of(role.port) == health_pb2.HealthCheckResponse.SERVING
        await eventually(lambda: role.serving() == {1: 2, 2: 1}, 60)
        [told] = role.said("a process ended and is started again")
        assert (told["process"], told["status"], "process" in told) == (1, -signal.SIGKILL, True)
        assert second in role.children() and first not in role.children()
        assert await asyncio.to_thread(role.metrics, "pulse_rpc_requests_total") == before == 20
        await ask(role.port, 5)
        assert await asyncio.to_thread(role.metrics, "pulse_rpc_requests_total") == 25


async def test_sigterm_reaches_all_and_all_drain(tmp_path: Path) -> None:
    async with gateway(tmp_path) as role:
        children = role.children()
        role.process.terminate()
        assert await role.ends() == 0
        assert not any(map(is_alive, children))
        assert sorted(line["process"] for line in role.said("draining")) == [1, 2]
        assert not accepts(role.port)
        assert not (tmp_path / "run" / "gateway.metrics").exists()


async def test_without_their_parent_they_drain_and_end(tmp_path: Path) -> None:
    async with gateway(tmp_path) as role:
        children = role.children()
        role.process.kill()
        await eventually(lambda: not any(map(is_alive, children)))
        assert len(role.said("stopped")) == 2


async def test_a_second_one_does_not_share_the_port_of_the_first(tmp_path: Path) -> None:
    """The kernel would let it: both are of the same user and share theirs."""
    with socket.socket() as first:
        first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        first.bind(("127.0.0.1", 0))
        first.listen()
        place = f"127.0.0.1:{first.getsockname()[1]}"
        async with started(tmp_path, PULSE_LISTEN=place) as second:
            assert await second.ends() == 2
            [told] = second.said("cannot start")
            assert place in told["reason"] and "PULSE_LISTEN" in told["reason"]


REFUSED_STARTS = {
    "a health address that is none": ("gateway", {"PULSE_HEALTH_LISTEN": "192.0.2.1:50051"}, "PULSE_HEALTH_LISTEN"),
    "an address without a port": ("gateway", {"PULSE_LISTEN": "127.0.0.1"}, "PULSE_LISTEN"),
    "a key file that is none": ("gateway", {"PULSE_GATEWAY_API_KEYS_FILE": "/nowhere"}, "API key file"),
    "certificates that are none": (
        "router",
        {f"PULSE_TLS_{name}_FILE": "/nowhere" for name in ("CERT", "KEY", "CA")},
        "/nowhere",
    ),
    "a database that is away": (
        "ledger",
        {"PULSE_DATABASE_URL": "postgresql://pulse@127.0.0.1:1/pulse", "PULSE_LEDGER_START_SECONDS": "0.1"},
        "PULSE_DATABASE_URL",
    ),
}


@pytest.mark.parametrize("case", REFUSED_STARTS)
async def test_what_keeps_it_from_starting_is_said_once_and_ends_it_with_status_2(case: str, tmp_path: Path) -> None:
    role, settings, named = REFUSED_STARTS[case]
    async with started(tmp_path, role, **settings) as refused:
        assert await refused.ends() == 2
        [told] = refused.said("cannot start")
        assert named in told["reason"]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("count", ["0", "-1", "65", "two", "1.5"])
def test_so_many_processes_cannot_be(role: str, count: str) -> None:
    with pytest.raises(ConfigError, match=f"PULSE_{role.upper()}_PROCESSES"):
        RouterSettings.load({f"PULSE_{role.upper()}_PROCESSES": count})


@pytest.mark.parametrize(("replicas", "processes", "admitting"), [(1, 1, 1), (1, 4, 4), (3, 1, 3), (2, 5, 10)])
def test_each_process_of_each_router_is_one_among_which_limits_are_divided(
    replicas: int, processes: int, admitting: int
) -> None:
    settings = RouterSettings.load(
        {"PULSE_ROUTER_REPLICAS": str(replicas), "PULSE_ROUTER_PROCESSES": str(processes), "PULSE_ROUTER_LIMIT": "10"}
    )
    assert settings.admitting == admitting


def test_more_processes_than_a_limit_has_room_for_are_refused() -> None:
    crowd = {"PULSE_ROUTER_REPLICAS": "3", "PULSE_ROUTER_PROCESSES": "4", "PULSE_ROUTER_LIMIT": "11"}
    with pytest.raises(ConfigError, match="PULSE_ROUTER_PROCESSES"):
        RouterSettings.load(crowd)
    assert RouterSettings.load({**crowd, "PULSE_ROUTER_LIMIT": "12"}).admitting == 12


def test_connections_to_postgresql_are_those_of_all_processes() -> None:
    one, three = (LedgerSettings.load({"PULSE_LEDGER_PROCESSES": count}) for count in "13")
    assert (three.connections, three.connections_kept) == (3 * one.connections, 3 * one.connections_kept)
