"""HTTP server: uvicorn, run inside a loop that is already there, with its connections in reach of faults."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Generator
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from services.sandbox.http.faults import TRANSPORT


class HttpConnection(AutoHTTPProtocol):  # type: ignore[misc,valid-type]  # uvicorn chooses the class at import
    """One client's connection; tells the application its transport, which ASGI itself does not."""

    app: Any

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        app = self.app

        async def with_transport(scope: Scope, receive: Receive, send: Send) -> None:
            scope[TRANSPORT] = transport
            await app(scope, receive, send)

        self.app = with_transport


class HttpServer(uvicorn.Server):
    """Serves one application on one bound socket."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=HttpConnection,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=1,
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
        """Ends calls under way after a second at most."""
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
