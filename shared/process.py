"""How every gRPC role runs: uvloop, one start, one stop on SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Protocol

import uvloop

from shared import logs
from shared.config import Settings


class Runnable(Protocol):
    """A service put together by its ``server.py``."""

    async def start(self) -> None:
        """Returns when it serves."""
        ...

    async def stop(self) -> None:
        """Drains and closes everything it opened."""
        ...


def run(role: str, settings: Settings, build: Callable[[], Runnable]) -> None:
    """Runs one role until a signal ends it; the settings are logged, redacted, at start.

    ``build`` is called inside the event loop, as gRPC's aio objects belong to the loop they are made in.
    """
    logs.configure(role, settings.log_level)
    logs.logger(__name__).info("settings", **{f"set_{name}": value for name, value in settings.redacted().items()})
    uvloop.run(_serve(role, build))


async def _serve(role: str, build: Callable[[], Runnable]) -> None:
    log = logs.logger(__name__)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    service = build()
    await service.start()
    log.info("serving", role=role)
    await stopping.wait()
    log.info("draining", role=role)
    await service.stop()
    log.info("stopped", role=role)
