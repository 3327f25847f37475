"""One connection by HTTP/1.1. llhttp, the parser of Node.js, reads the answers (httptools)."""

from __future__ import annotations

import asyncio
import select
import time

import httptools

from services.delivery.providers.base.call import LARGEST_ANSWER
from services.delivery.providers.base.http_answer import Answer, NoAnswer

#: Without one of these an answer goes on until the server hangs up (RFC 9112, section 6.3).
_LENGTHS = frozenset({"content-length", "transfer-encoding"})
#: A request of more bytes may be refused while it is still on its way; its rest would stand before the next request.
_SURELY_OUT = 64 * 1024


class HttpConnection(asyncio.Protocol):
    """Carries one request at a time; within the loop that opened it."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self.last_used = time.monotonic()
        self._exchange: _Exchange | None = None
        self._open = False
        self._news = select.poll()

    @property
    def usable(self) -> bool:
        """Whether another request may go out, as far as the loop knows."""
        return self._open and not self.transport.is_closing()

    @property
    def is_quiet(self) -> bool:
        """Whether it is usable, and the server has neither hung up nor said anything that the loop has not come to."""
        return self.usable and not self._news.poll(0)

    async def exchange(
        self, request: bytes, seconds: float, *, tunnel: bool = False, largest: int = LARGEST_ANSWER
    ) -> Answer:
        """Sends a request, and returns the answer to it; raises :class:`NoAnswer`, after ``seconds`` at the latest.

        After that, and if the server wants it, the connection is closed. ``tunnel``: it is a CONNECT, and what follows
        the head of a good answer is no body. ``largest``: more bytes than that are no answer.
        """
        if not self.usable:
            raise NoAnswer("the connection was lost")
        loop = asyncio.get_running_loop()
        under_way = self._exchange = _Exchange(loop.create_future(), tunnel, largest)
        overdue = loop.call_later(seconds, under_way.fail, "nothing came in time")
        keep = False
        try:
            self.transport.write(request)
            answer = await under_way.ended
            keep = under_way.keeps_connection and (answer.status < 400 or len(request) <= _SURELY_OUT)
            return answer
        finally:
            overdue.cancel()
            self._exchange = None
            self.last_used = time.monotonic()
            if not keep:
                self.close()

    def close(self) -> None:
        """Hangs up; what is not out by now is dropped."""
        self._open = False
        self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # a stream's, as loops give to a Protocol
        self._news.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        self._open = True

    def data_received(self, data: bytes) -> None:
        if self._exchange is None:
            self.close()
        else:
            self._exchange.take(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._open = False
        if self._exchange is not None:
            self._exchange.hung_up(orderly=error is None)


class _Exchange:
    """One answer as it comes: what llhttp tells of it."""

    def __init__(self, ended: asyncio.Future[Answer], tunnel: bool, largest: int) -> None:
        self.ended = ended
        self.keeps_connection = False
        self._tunnel = tunnel
        self._largest = largest
        self._parser = httptools.HttpResponseParser(self)
        self._received = 0
        self._begin()

    def take(self, data: bytes) -> None:
        """Bytes of the answer."""
        self._received += len(data)
        if self._received > self._largest:
            self.fail(f"an answer has at most {self._largest} bytes")
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.fail("the answer is not HTTP")

    def hung_up(self, orderly: bool) -> None:
        """Nothing will come any more."""
        if orderly and self._head_complete and not self._headers.keys() & _LENGTHS:
            self._succeed()
        else:
            self.fail("the connection was lost")

    def fail(self, why: str) -> None:
        """There is no whole answer."""
        if not self.ended.done():
            self.ended.set_exception(NoAnswer(why, self._answer() if self._head_complete else None))

    def on_message_begin(self) -> None:
        self.keeps_connection = False  # what follows a whole answer belongs to no request
        if not self.ended.done():
            self._begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._head_complete = self._parser.get_status_code() >= 200
        if self._tunnel and 200 <= self._parser.get_status_code() <= 299:
            self.keeps_connection = True
            self._succeed()

    def on_body(self, data: bytes) -> None:
        self._body.append(data)

    def on_message_complete(self) -> None:
        if self._head_complete and not self.ended.done():  # else it was an interim answer
            self.keeps_connection = self._parser.should_keep_alive()
            self._succeed()

    def _begin(self) -> None:
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._head_complete = False

    def _succeed(self) -> None:
        if not self.ended.done():
            self.ended.set_result(self._answer())

    def _answer(self) -> Answer:
        return Answer(self._parser.get_status_code(), self._headers, b"".join(self._body))
