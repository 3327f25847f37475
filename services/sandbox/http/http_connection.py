"""A connection by HTTP that is in reach of faults."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from services.sandbox.http.faults import TRANSPORT
from services.sandbox.http.http2_session import Http2Session

#: What a client says first that knows that HTTP/2 is spoken here (RFC 9113, section 3.4).
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class HttpConnection(AutoHTTPProtocol):  # type: ignore[misc,valid-type]  # uvicorn chooses the class at import
    """One client's connection; tells the application its transport, which ASGI itself does not."""

    app: Any
    loop: asyncio.AbstractEventLoop
    tasks: set[asyncio.Task[None]]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._first: bytes | None = b""  # what was said so far; None: HTTP/1.1 is spoken
        self._http2: Http2Session | None = None
        app = self._served = self.app

        async def with_transport(scope: Scope, receive: Receive, send: Send) -> None:
            scope[TRANSPORT] = transport
            await app(scope, receive, send)

        self.app = with_transport

    def data_received(self, data: bytes) -> None:
        if self._http2 is not None:
            self._http2.take(data)
            return
        if self._first is not None:
            data = self._first + data
            if not data.startswith(_PREFACE):
                self._first = data if _PREFACE.startswith(data) else None
            else:
                self._http2 = Http2Session(self._served, self.transport, self._begin)
                self._http2.take(data)
                return
        if self._first is None:
            super().data_received(data)

    def connection_lost(self, error: Exception | None) -> None:
        if self._http2 is not None:
            self._http2.lost()
        super().connection_lost(error)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
