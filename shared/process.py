"""How every gRPC role runs: uvloop, one start, one stop on SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import uvloop

from shared.config import Settings, StartError
from shared.observe import log_level, logs, trace_export
from shared.observe.metrics import Metrics
from shared.observe.metrics_endpoint import MetricsEndpoint
from shared.observe.tracing import Tracer
from shared.processes.child import Child
from shared.processes.part_endpoint import PartEndpoint
from shared.processes.start import cannot_start, show, starting


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


def run(role: str, settings: Settings, build: Callable[[Tracer], Runnable], child: Child | None = None) -> None:
    """Runs one role until a signal ends it; the settings are logged, redacted, at start.

    ``child``: this process is one of several of the role, whose parent has logged the settings.

    A role that cannot start says why in a sentence and ends with status 2.

    ``build`` is called inside the event loop, as gRPC's aio objects belong to the loop they are made in, and given what
    makes this process's spans.
    """
    logs.configure(role, settings.log_level, child.number if child else None)
    if child is None:
        show(settings)
    tracer, export = trace_export.tracer(role, settings.otlp_endpoint)
    follower = log_level.following(settings)
    try:
        uvloop.run(_serve(role, settings, lambda: build(tracer), child))
    except StartError as error:
        cannot_start(error)
    finally:
        follower.stop()
        if export:
            export.close()


def spare_the_collector() -> None:
    """Has the garbage collector pass by what is there now, and look less often at what comes.

    What a process made at its start lives as long as it does; and nearly all that a request makes is freed by its
    reference counts. Looked through again and again, it cost some hundredths of a busy process's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


async def _serve(role: str, settings: Settings, build: Callable[[], Runnable], child: Child | None) -> None:
    log = logs.logger(__name__)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    with starting():
        service = build()
        await service.start()
    spare_the_collector()
    endpoint = _endpoint(role, settings, service, child)
    if endpoint:
        endpoint.start()
    following = asyncio.create_task(child.follow()) if child else None
    log.info("serving", role=role)
    await stopping.wait()
    log.info("draining", role=role)
    await service.stop()
    if endpoint:
        # Not earlier: how it drains can be watched. In a thread, as a scrape under way may wait for this loop.
        await asyncio.to_thread(endpoint.stop)
    if following:
        following.cancel()
    log.info("stopped", role=role)


def _endpoint(
    role: str, settings: Settings, service: Runnable, child: Child | None
) -> MetricsEndpoint | PartEndpoint | None:
    if not isinstance(service, Measured):
        return None
    registry = service.metrics.registry
    return PartEndpoint(registry, child.tell_figures) if child else MetricsEndpoint(role, settings, registry)
