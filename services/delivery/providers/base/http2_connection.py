"""One connection by HTTP/2. h2 keeps the protocol's state; any number of requests are under way at once."""

from __future__ import annotations

import asyncio
import contextlib
import select
import time
from collections.abc import Sequence
from typing import Any

import h2.connection
import h2.events
from h2.config import H2Configuration
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError

from services.delivery.providers.base.call import LARGEST_ANSWER
from services.delivery.providers.base.http_answer import Answer, NoAnswer, NotSent

Headers = Sequence[tuple[str, str]]


class Http2Connection(asyncio.Protocol):
    """Within the loop that opened it. No request goes out before the server has said that it speaks HTTP/2."""

    def __init__(self) -> None:
        self.last_used = time.monotonic()
        self._transport: asyncio.Transport | None = None
        self._h2 = _Http2()
        self._news = select.poll()
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._under_way: dict[int, _Exchange] = {}
        self._ends = False  # no further request goes by it

    @property
    def has_room(self) -> bool:
        """Whether another request may go out now, as far as the loop knows."""
        most = self._h2.remote_settings.max_concurrent_streams
        return self.usable and len(self._under_way) < most and self._h2.has_streams_left

    @property
    def usable(self) -> bool:
        """Whether it takes further requests, be it only after those under way."""
        return not self._ends and self._transport is not None and not self._transport.is_closing()

    @property
    def idle(self) -> bool:
        """Whether no request is under way."""
        return not self._under_way

    @property
    def has_news(self) -> bool:
        """Whether the server has hung up, or said anything, that the loop has not come to."""
        return bool(self._news.poll(0))

    async def ready(self, seconds: float) -> None:
        """Returns once the server has said how it speaks; raises OSError and TimeoutError."""
        async with asyncio.timeout(seconds):
            await asyncio.shield(self._ready)

    async def exchange(self, headers: Headers, body: bytes, seconds: float) -> Answer:
        """Sends a request, and returns the answer to it.

        Raises :class:`NoAnswer`, after ``seconds`` at the latest, :class:`NotSent` where the server says that it took
        no notice of the request, and ValueError for headers that are none.
        """
        stream = self._begin(headers)
        under_way = self._under_way[stream] = _Exchange(body)
        overdue = asyncio.get_running_loop().call_later(seconds, self._overdue, under_way)
        try:
            self._send_body(stream)
            self._flush()
            return await under_way.ended
        finally:
            overdue.cancel()
            del self._under_way[stream]
            self._leave(stream)

    def _begin(self, headers: Headers) -> int:
        stream = self._h2.get_next_available_stream_id()
        try:
            self._h2.send_headers(stream, headers)
        except ProtocolError:  # the server does not know what was packed before: it could not unpack what follows
            self._ends = True
            raise ValueError("not the headers of a request") from None
        return stream

    def close(self) -> None:
        """Hangs up; what is not out by now is dropped."""
        self._ends = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a stream's, as loops give to a Protocol
        self._news.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        self._h2.initiate_connection()
        self._flush()

    def data_received(self, data: bytes) -> None:
        try:
            for event in self._h2.receive_data(data):
                self._take(event)
            self._flush()
        except ProtocolError:
            self._fail(NoAnswer("the answer is not HTTP/2"))
            self.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._ends = True
        self._fail(NoAnswer("the connection was lost"))

    def _fail(self, error: NoAnswer) -> None:
        if not self._ready.done():
            self._ready.set_exception(NotSent("the server does not speak HTTP/2"))
            self._ready.exception()  # nobody need have waited for it
        for under_way in self._under_way.values():
            under_way.fail(error)

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RemoteSettingsChanged) and not self._ready.done():
            self._ready.set_result(None)
        if isinstance(event, h2.events.RemoteSettingsChanged | h2.events.WindowUpdated):
            for stream in self._under_way:
                self._send_body(stream)
        elif isinstance(event, h2.events.ConnectionTerminated):
            self._go_away(event.last_stream_id or 0)
        elif isinstance(event, h2.events.DataReceived):
            self._h2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id or 0)
        under_way = self._under_way.get(getattr(event, "stream_id", None) or 0)
        if under_way is not None:
            under_way.take(event)

    def _go_away(self, last_stream: int) -> None:
        """The server takes no more than what it has begun with (RFC 9113, section 6.8)."""
        self._ends = True
        for stream, under_way in self._under_way.items():
            if stream > last_stream:
                under_way.fail(NotSent("the server is going away"))

    def _send_body(self, stream: int) -> None:
        """As much of it as the server has room for."""
        under_way = self._under_way[stream]
        while under_way.sends and not under_way.ended.done():
            most = min(self._h2.local_flow_control_window(stream), self._h2.max_outbound_frame_size)
            if most <= 0 and under_way.unsent:
                return
            piece, under_way.unsent = under_way.unsent[:most], under_way.unsent[most:]
            under_way.sends = bool(under_way.unsent)
            self._h2.send_data(stream, piece, end_stream=not under_way.sends)

    def _overdue(self, under_way: _Exchange) -> None:
        """The way to the server may have been lost without a word: further requests go another."""
        self._ends = True
        under_way.fail(NoAnswer("nothing came in time"))

    def _leave(self, stream: int) -> None:
        """Nobody waits for the answer any more."""
        self.last_used = time.monotonic()
        with contextlib.suppress(ProtocolError):  # the stream has ended
            self._h2.reset_stream(stream, ErrorCodes.CANCEL)
            self._flush()
        if self._ends and self.idle:
            self.close()

    def _flush(self) -> None:
        said = self._h2.data_to_send() if self._transport is not None else b""
        if said and self._transport is not None and not self._transport.is_closing():
            self._transport.write(said)


class _Http2(h2.connection.H2Connection):
    """As the library has it, save that it still hears answers after GOAWAY: those to requests under way may come."""

    def __init__(self) -> None:
        super().__init__(H2Configuration(client_side=True, header_encoding="latin-1"))

    @property
    def has_streams_left(self) -> bool:
        """Whether there is a number for another request."""
        return self.highest_outbound_stream_id < self.HIGHEST_ALLOWED_STREAM_ID - 2

    def _receive_goaway_frame(self, frame: Any) -> Any:
        state = self.state_machine.state
        told = super()._receive_goaway_frame(frame)
        self.state_machine.state = state
        return told


class _Exchange:
    """One request and the answer to it, as they go and come."""

    def __init__(self, body: bytes) -> None:
        self.ended: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.unsent = body
        self.sends = True  # its end is not out
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body = bytearray()

    def take(self, event: h2.events.Event) -> None:
        """What the server says of it."""
        if isinstance(event, h2.events.ResponseReceived):
            self._headers = {str(name): str(value) for name, value in event.headers or ()}
            self._status = int(self._headers.pop(":status"))
        elif isinstance(event, h2.events.DataReceived):
            self._body += event.data or b""
            if len(self._body) > LARGEST_ANSWER:
                self.fail(NoAnswer(f"an answer has at most {LARGEST_ANSWER} bytes", self._answer()))
        elif isinstance(event, h2.events.StreamEnded) and not self.ended.done():
            self.ended.set_result(self._answer())
        elif isinstance(event, h2.events.StreamReset):
            refused = event.error_code == ErrorCodes.REFUSED_STREAM  # before anything was done (RFC 9113, section 8.7)
            self.fail(NotSent("the server takes no request") if refused else NoAnswer("the answer was broken off"))

    def fail(self, error: OSError) -> None:
        """There is no whole answer."""
        if not self.ended.done():
            self.ended.set_exception(error)

    def _answer(self) -> Answer:
        return Answer(self._status, self._headers, bytes(self._body))
