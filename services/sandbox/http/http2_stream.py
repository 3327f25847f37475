"""One request by HTTP/2 and the answer to it, as an application by ASGI knows them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import h2.events
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from starlette.types import Message

if TYPE_CHECKING:
    from services.sandbox.http.http2_session import Http2Session


class Http2Stream:
    """Its part of the connection. Faults take it for the transport: what ends it leaves the others alone."""

    def __init__(self, session: Http2Session, number: int) -> None:
        self._session = session
        self._number = number
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self._start: Message = {}
        self._over = False
        self._broken = False  # what was written is no HTTP/2
        #: Set when the client may have room for more of the answer.
        self.room = asyncio.Event()

    def take(self, event: h2.events.Event) -> None:
        """What the client says of it."""
        if isinstance(event, h2.events.DataReceived):
            self._messages.put_nowait({"type": "http.request", "body": event.data or b"", "more_body": True})
        elif isinstance(event, h2.events.StreamEnded):
            self._messages.put_nowait({"type": "http.request", "body": b"", "more_body": False})
        elif isinstance(event, h2.events.StreamReset):
            self.end()

    def end(self) -> None:
        """The client waits for no answer any more."""
        self._over = True
        self.room.set()
        self._messages.put_nowait({"type": "http.disconnect"})

    async def receive(self) -> Message:
        """As ASGI has it."""
        return await self._messages.get()

    async def send(self, message: Message) -> None:
        """As ASGI has it; after the client is gone it does nothing."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        if self._start:
            self._say_head(self._start)
            self._start = {}
        await self._say_body(message.get("body", b""), end=not message.get("more_body", False))

    def write(self, data: bytes) -> None:
        """Bytes that are no HTTP/2, in the middle of the connection: what follows them nobody could read."""
        self._broken = True
        self._session.transport.write(data)

    def close(self) -> None:
        """There is no answer."""
        if self._broken:
            self._session.transport.close()
            return
        with contextlib.suppress(ProtocolError):
            self._session.h2.reset_stream(self._number, ErrorCodes.INTERNAL_ERROR)
            self._session.flush()
        self.end()

    def abort(self) -> None:
        """The whole connection is lost."""
        self._session.transport.abort()

    def is_closing(self) -> bool:
        """Whether there is nobody who reads an answer."""
        return self._over or self._session.transport.is_closing()

    def get_extra_info(self, name: str) -> Any:
        """As the connection's transport has it."""
        return self._session.transport.get_extra_info(name)

    def _say_head(self, start: Message) -> None:
        headers = [(name.lower(), value) for name, value in start["headers"]]
        with contextlib.suppress(ProtocolError):
            self._session.h2.send_headers(self._number, [(b":status", b"%d" % start["status"]), *headers])

    async def _say_body(self, body: bytes, *, end: bool) -> None:
        state = self._session.h2
        with contextlib.suppress(ProtocolError):
            while body and not self.is_closing():
                most = min(state.local_flow_control_window(self._number), state.max_outbound_frame_size)
                if most <= 0:
                    self._session.flush()
                    self.room.clear()
                    await self.room.wait()
                    continue
                state.send_data(self._number, body[:most])
                body = body[most:]
            if end and not self.is_closing():
                state.end_stream(self._number)
            self._session.flush()
