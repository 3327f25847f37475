"""A real Envoy before a gateway that a test serves."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager

import httpx

from proof.waiting import accepts
from services.local.envoy import process
from services.local.plan import Plan
from tests.support.servers import running


def envoy_before(plan: Plan) -> AbstractContextManager[int]:
    """An Envoy that looks for the gateway where ``plan`` says; gives its pid."""
    process.prepare(plan)
    command = list(process.command(plan))
    return running(command, plan.home.log("envoy"), lambda: accepts(plan.ports.http), signal.SIGTERM)


@contextlib.asynccontextmanager
async def edge(plan: Plan) -> AsyncIterator[httpx.AsyncClient]:
    """A client of :func:`envoy_before`."""
    with envoy_before(plan):
        async with httpx.AsyncClient(base_url=plan.public_url(), timeout=20) as client:
            yield client
