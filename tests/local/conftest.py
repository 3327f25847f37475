"""A local run in a temporary home, with roles that are small real processes."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import grpc.aio
import httpx
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from proof.planning import ANY_PORTS, make_plan
from pulse.delivery.v1 import delivery_service_pb2_grpc as delivery_grpc
from pulse.gateway.v1 import compatibility_service_pb2_grpc as compatibility_grpc
from pulse.gateway.v1 import notification_service_pb2_grpc as notifications_grpc
from pulse.gateway.v1 import recipient_service_pb2_grpc as recipients_grpc
from services.local.config import LocalSettings
from services.local.plan import Plan
from services.local.roles import ENVOY, Role
from services.local.supervisor import Supervisor
from shared.rpc.serving import OPTIONS
from tests.local.edge_backend import Backend


@pytest.fixture
def settings(tmp_path: Path) -> LocalSettings:
    """Settings of a run whose home has a space in its path."""
    return LocalSettings.load({"PULSE_HOME": str(tmp_path / "ho me"), **ANY_PORTS})


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return make_plan(tmp_path / "ho me", stop_seconds=5, ready_seconds=20)


@pytest.fixture
def supervised(plan: Plan) -> Callable[..., contextlib.AbstractAsyncContextManager[tuple[Supervisor, list[str]]]]:
    """Starts roles under a supervisor, and stops them at the end; gives it and the list of what it says."""

    @contextlib.asynccontextmanager
    async def run(*roles: Role) -> AsyncIterator[tuple[Supervisor, list[str]]]:
        said: list[str] = []
        supervisor = Supervisor(roles, plan, said.append)
        try:
            await supervisor.start()
            yield supervisor, said
        finally:
            await supervisor.stop()

    return run


@pytest.fixture
async def backend(plan: Plan) -> AsyncIterator[Backend]:
    """The services behind Envoy; ``tell_health`` changes what they say of themselves."""
    servicer, healths = Backend(), health.aio.HealthServicer()
    server = grpc.aio.server(options=OPTIONS)
    notifications_grpc.add_NotificationServiceServicer_to_server(servicer, server)
    compatibility_grpc.add_CompatibilityServiceServicer_to_server(servicer, server)
    recipients_grpc.add_RecipientServiceServicer_to_server(servicer, server)
    delivery_grpc.add_ReceiptServiceServicer_to_server(servicer, server)
    health_pb2_grpc.add_HealthServicer_to_server(healths, server)
    server.add_insecure_port(plan.ports.address("grpc"))
    server.add_insecure_port(plan.ports.address("delivery"))
    servicer.tell_health = healths.set
    await healths.set("", health_pb2.HealthCheckResponse.SERVING)
    await server.start()
    yield servicer
    await server.stop(None)


@pytest.fixture
async def rest(plan: Plan, supervised) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the edge."""
    async with supervised(ENVOY), httpx.AsyncClient(base_url=plan.public_url(), timeout=10) as client:
        yield client


def python(code: str) -> Callable[[Plan], Sequence[str]]:
    """The command of a role that is these lines of Python."""
    return lambda _plan: [sys.executable, "-c", code]


@pytest.fixture
def stand_in() -> Callable[..., Role]:
    """Makes a role that is ready at once and then waits for ever, or runs other lines instead."""

    async def is_ready(_pid: int) -> bool:
        return True

    def make(name: str, code: str = "import signal; signal.pause()", **more: object) -> Role:
        return Role(name, python(code), **{"probe": lambda _plan: is_ready, **more})

    return make
