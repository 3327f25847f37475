"""A real Envoy before a gateway that a test serves."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import AsyncIterator

import httpx

from services.local import envoy
from services.local.plan import Plan
from tests.support.servers import running


@contextlib.asynccontextmanager
async def edge(plan: Plan) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an Envoy that looks for the gateway where ``plan`` says."""
    envoy.prepare(plan)

    def is_ready() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", plan.ports.http)) == 0

    with running(list(envoy.command(plan)), plan.home.log("envoy"), is_ready, signal.SIGTERM):
        async with httpx.AsyncClient(base_url=plan.public_url(), timeout=20) as client:
            yield client
