"""How every gRPC role runs: uvloop, one start, one stop on SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
from collections.abc import Callable, Iterator
from typing import NoReturn, Protocol, runtime_checkable

import uvloop

from shared.config import ConfigError, Settings, StartError
from shared.observe import log_level, logs, trace_export
from shared.observe.metrics import Metrics
from shared.observe.metrics_endpoint import MetricsEndpoint
from shared.observe.tracing import Tracer


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


def run(role: str, settings: Settings, build: Callable[[Tracer], Runnable]) -> None:
    """Runs one role until a signal ends it; the settings are logged, redacted, at start.

    A role that cannot start says why in a sentence and ends with status 2.

    ``build`` is called inside the event loop, as gRPC's aio objects belong to the loop they are made in, and given what
    makes this process's spans.
    """
    logs.configure(role, settings.log_level)
    show(settings)
    tracer, export = trace_export.tracer(role, settings.otlp_endpoint)
    follower = log_level.following(settings)
    try:
        uvloop.run(_serve(role, settings, lambda: build(tracer)))
    except StartError as error:
        cannot_start(error)
    finally:
        follower.stop()
        if export:
            export.close()


def show(settings: Settings) -> None:
    """Logs what this process runs with, redacted, and warns of what that leaves unprotected."""
    log = logs.logger(__name__)
    log.info("settings", **{f"set_{name}": value for name, value in settings.redacted().items()})
    for risk in settings.risks():
        log.warning("unprotected", risk=risk)


def cannot_start(error: StartError) -> NoReturn:
    """Logs why and ends the process with status 2."""
    what = "configuration: " if isinstance(error, ConfigError) else ""
    logs.logger(__name__).error("cannot start", reason=f"{what}{error}")
    raise SystemExit(2) from None


@contextlib.contextmanager
def starting() -> Iterator[None]:
    """What the machine refuses inside the block, a file or a port, becomes a :class:`StartError`."""
    try:
        yield
    except OSError as error:
        words = error.strerror or type(error).__name__
        raise StartError(f"{error.filename}: {words}" if error.filename else words) from None


def spare_the_collector() -> None:
    """Has the garbage collector pass by what is there now, and look less often at what comes.

    What a process made at its start lives as long as it does; and nearly all that a request makes is freed by its
    reference counts. Looked through again and again, it cost some hundredths of a busy process's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


async def _serve(role: str, settings: Settings, build: Callable[[], Runnable]) -> None:
    log = logs.logger(__name__)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    with starting():
        service = build()
        await service.start()
    spare_the_collector()
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
