"""How every gRPC role runs: uvloop, one start, one stop on SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import uvloop

from shared import logs
from shared.config import Settings
from shared.metrics import Metrics
from shared.metrics_endpoint import MetricsEndpoint


class Runnable(Protocol):
    """A service put together by its ``server.py``."""

    async def start(self) -> None:
        """Returns when it serves."""
        ...

    async def stop(self) -> None:
        """Drains and closes everything it opened."""
        ...


@runtime_checkable
class Measured(Protocol):
    """A service that counts what it does."""

    @property
    def metrics(self) -> Metrics:
        """Served to Prometheus for as long as the service runs."""
        ...


def run(role: str, settings: Settings, build: Callable[[], Runnable]) -> None:
    """Runs one role until a signal ends it; the settings are logged, redacted, at start.

    ``build`` is called inside the event loop, as gRPC's aio objects belong to the loop they are made in.
    """
    logs.configure(role, settings.log_level)
    logs.logger(__name__).info("settings", **{f"set_{name}": value for name, value in settings.redacted().items()})
    uvloop.run(_serve(role, settings, build))


async def _serve(role: str, settings: Settings, build: Callable[[], Runnable]) -> None:
    log = logs.logger(__name__)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    service = build()
    await service.start()
    endpoint = MetricsEndpoint(role, settings, service.metrics.registry) if isinstance(service, Measured) else None
    if endpoint:
        endpoint.start()
    log.info("serving", role=role)
    await stopping.wait()
    log.info("draining", role=role)
    await service.stop()
    if endpoint:
        # Not earlier: how it drains can be watched. In a thread, as a scrape under way may wait for this loop.
        await asyncio.to_thread(endpoint.stop)
    log.info("stopped", role=role)
