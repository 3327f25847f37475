"""HTTP/2 by prior knowledge (RFC 9113, section 3.3), for look-alikes of providers that speak nothing else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import unquote

import h2.connection
import h2.events
from h2.config import H2Configuration
from h2.exceptions import ProtocolError
from starlette.types import ASGIApp

from services.sandbox.http.faults import TRANSPORT
from services.sandbox.http.http2_stream import Http2Stream

#: Begins a task that the server waits for when it stops.
Begin = Callable[[Coroutine[Any, Any, None]], None]


class Http2Session:
    """One client's connection: each of its requests is one of the application's."""

    def __init__(self, app: ASGIApp, transport: asyncio.Transport, begin: Begin) -> None:
        self._app = app
        self._begin = begin
        self.transport = transport
        self.h2 = h2.connection.H2Connection(H2Configuration(client_side=False))
        self._streams: dict[int, Http2Stream] = {}
        self.h2.initiate_connection()
        self.flush()

    def take(self, data: bytes) -> None:
        """What the client says."""
        try:
            for event in self.h2.receive_data(data):
                self._on(event)
        except ProtocolError:
            self.flush()
            self.transport.close()
            return
        self.flush()

    def lost(self) -> None:
        """The connection is closed."""
        for stream in self._streams.values():
            stream.end()

    def flush(self) -> None:
        """Says what is to be said."""
        if said := self.h2.data_to_send():
            self.transport.write(said)

    def _on(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            self._request(event)
            return
        if isinstance(event, h2.events.WindowUpdated | h2.events.RemoteSettingsChanged):
            for stream in self._streams.values():
                stream.room.set()
        elif isinstance(event, h2.events.DataReceived):
            self.h2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id or 0)
        found = self._streams.get(getattr(event, "stream_id", None) or 0)
        if found is not None:
            found.take(event)

    def _request(self, event: h2.events.RequestReceived) -> None:
        number = event.stream_id or 0
        stream = self._streams[number] = Http2Stream(self, number)
        self._begin(self._answer(number, stream, self._scope(event, stream)))

    async def _answer(self, number: int, stream: Http2Stream, scope: dict[str, Any]) -> None:
        try:
            await self._app(scope, stream.receive, stream.send)
        finally:
            del self._streams[number]
            with contextlib.suppress(ProtocolError):  # the client, or the answer, has ended it
                self.h2.reset_stream(number)
                self.flush()

    def _scope(self, event: h2.events.RequestReceived, stream: Http2Stream) -> dict[str, Any]:
        given = [(bytes(name), bytes(value)) for name, value in event.headers or ()]
        pseudo = {name: value.decode("latin-1") for name, value in given if name.startswith(b":")}
        path, _, query = pseudo.get(b":path", "/").partition("?")
        headers = [(b"host", pseudo.get(b":authority", "").encode("latin-1"))]
        headers += [(name, value) for name, value in given if not name.startswith(b":")]
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "2",
            "method": pseudo.get(b":method", ""),
            "scheme": pseudo.get(b":scheme", "http"),
            "path": unquote(path),
            "raw_path": path.encode("latin-1"),
            "query_string": query.encode("latin-1"),
            "root_path": "",
            "headers": headers,
            "client": self.transport.get_extra_info("peername")[:2],
            "server": self.transport.get_extra_info("sockname")[:2],
            TRANSPORT: stream,
        }
