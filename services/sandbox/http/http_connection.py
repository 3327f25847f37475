"""A connection by HTTP that is in reach of faults."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import Receive, Scope, Send
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
