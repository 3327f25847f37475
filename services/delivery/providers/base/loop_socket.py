"""A connection that was opened by calls that block, in the hands of an event loop from then on."""

from __future__ import annotations

import asyncio
import ssl

from services.delivery.providers.base.bounded_sockets import BoundedSocket, BoundedTlsSocket
from services.delivery.providers.base.call import LARGEST_ANSWER

#: Read at once, bytes.
_PIECE = 16 * 1024
_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class LoopSocket:
    """Says and hears lines, plain or inside TLS. What comes is read as it comes; nobody but this closes the socket.

    Waits have no end of their own: they are to be made within ``asyncio.timeout``.
    """

    def __init__(self, connection: BoundedSocket | BoundedTlsSocket) -> None:
        connection.setblocking(False)
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._heard = bytearray()
        #: Bytes of what was said last that the kernel, or TLS, was not given: the peer cannot have them.
        self.unsaid = 0
        self._over = False
        self._waiting: asyncio.Future[None] | None = None
        self._loop.add_reader(connection.fileno(), self._read)
        self._read()  # what TLS has unpacked already tells no selector of itself

    @property
    def has_news(self) -> bool:
        """Whether the peer has said something that was not heard yet, or has hung up."""
        return self._over or bool(self._heard)

    async def say(self, data: bytes) -> None:
        """Returns once all is on its way; raises OSError."""
        left = memoryview(data)
        self.unsaid = len(left)
        while left:
            try:
                left = left[self._connection.send_now(left) :]
                self.unsaid = len(left)
            except _NOT_NOW:
                await self._until_writable()

    async def line(self, most: int) -> bytes:
        """The next line with its end, or of a longer one the first ``most`` bytes; what is left when the peer has hung
        up, and then nothing."""
        while True:
            end = self._heard.find(b"\n", 0, most) + 1
            if end or len(self._heard) >= most or self._over:
                end = end or most
                line = bytes(self._heard[:end])
                del self._heard[:end]
                return line
            self._waiting = self._loop.create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None

    def stop(self) -> None:
        """Leaves the connection alone; it is to be closed now."""
        self._loop.remove_reader(self._connection.fileno())
        self._loop.remove_writer(self._connection.fileno())

    def _read(self) -> None:
        try:
            more = True
            while more and len(self._heard) <= LARGEST_ANSWER:
                piece = self._connection.recv_now(_PIECE)
                self._heard += piece
                self._over = not piece
                more = self._connection.holds_more
        except _NOT_NOW:
            pass
        except OSError:
            self._over = True
        if self._over or len(self._heard) > LARGEST_ANSWER:
            self._over = True
            self._loop.remove_reader(self._connection.fileno())
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def _until_writable(self) -> None:
        writable = self._loop.create_future()
        self._loop.add_writer(self._connection.fileno(), _succeed, writable)
        try:
            await writable
        finally:
            self._loop.remove_writer(self._connection.fileno())


def _succeed(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
