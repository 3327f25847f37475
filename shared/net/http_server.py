"""HTTP server: uvicorn, run inside a loop that is already there."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Generator
from typing import Any, Literal

import uvicorn
from starlette.types import ASGIApp


class HttpServer(uvicorn.Server):
    """Serves one application on one bound socket. No access log: addresses of pages hold what was searched for.

    ``protocol`` is the class of a connection, if it is one of the caller's own.
    """

    def __init__(
        self, app: ASGIApp, drain_seconds: float, protocol: type[asyncio.Protocol] | Literal["auto"] = "auto"
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=max(1, round(drain_seconds)),
            )
        )
        self._serving: asyncio.Task[None] | None = None
        self._up = asyncio.Event()

    async def start(self, sock: socket.socket) -> None:
        """Returns once the socket is served."""
        self._serving = asyncio.create_task(self.serve(sockets=[sock]))
        up = asyncio.create_task(self._up.wait())
        await asyncio.wait({self._serving, up}, return_when=asyncio.FIRST_COMPLETED)
        if not up.done():
            up.cancel()
            await self._serving

    async def stop(self) -> None:
        """Lets requests under way end, within the drain time."""
        self.should_exit = True
        if self._serving is not None:
            await self._serving

    async def startup(self, sockets: Any = None) -> None:
        """As the parent's; then :meth:`start` may return."""
        await super().startup(sockets)
        self._up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leaves signals alone: the process handles them, for it has more to stop than this server."""
        yield
