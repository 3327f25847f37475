"""Sockets whose every wait ends by the deadline of the call that uses them.

A time-out bounds one wait, and a peer that gives a byte a second ends every wait in time. So each read and write waits
for what is left of the call's deadline, however many there are and whatever library makes them.
"""

from __future__ import annotations

import math
import socket
import ssl
import struct
import sys
from typing import Any

from services.delivery.providers.base import call

#: Longest wait for one address to accept a connection, s: what cannot be reached is told early.
CONNECT_SECONDS = 2.0
#: A time-out that differs by less from the one in force is not worth a system call, s.
_SAME_TIMEOUT = 0.1
_KERNEL_WAITS = sys.platform == "linux"


class BoundedSocket(socket.socket):
    """A plain connection, for use inside :func:`~services.delivery.providers.base.call.calling`.

    A Python socket with a time-out polls before each read, and hands the interpreter over twice. The kernel's own
    time-out spares that where there is one.
    """

    _in_force = math.inf  # s

    def settimeout(self, value: float | None) -> None:
        """Does nothing: libraries set time-outs of their own, and the call's deadline rules."""

    def connect_within(self, address: Any, seconds: float) -> None:
        """Connects; raises OSError, and TimeoutError after ``seconds``."""
        super().settimeout(seconds)
        super().connect(address)
        super().settimeout(None)

    def recv(self, size: int, flags: int = 0) -> bytes:
        under_way = self._limit()
        try:
            data = super().recv(size, flags)
        except BlockingIOError:
            raise TimeoutError("nothing came in time") from None
        under_way.count(len(data))
        return data

    def recv_into(self, buffer: Any, size: int = 0, flags: int = 0) -> int:
        under_way = self._limit()
        try:
            received = super().recv_into(buffer, size, flags)
        except BlockingIOError:
            raise TimeoutError("nothing came in time") from None
        under_way.count(received)
        return received

    def send(self, data: Any, flags: int = 0) -> int:
        self._limit().sent = True
        try:
            return super().send(data, flags)
        except BlockingIOError:
            raise TimeoutError("the peer does not read") from None

    def recv_now(self, size: int) -> bytes:
        """What has come; raises BlockingIOError if nothing has, once the socket does not block."""
        return super().recv(size)

    @property
    def holds_more(self) -> bool:
        """Whether there is something to read of which the kernel does not know."""
        return False

    def send_now(self, data: Any) -> int:
        """As many bytes as there is room for; raises BlockingIOError if there is none, as above."""
        return super().send(data)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Not the parent's, whose time-out begins anew whenever the peer has read a little."""
        with memoryview(data).cast("B") as view:
            sent = 0
            while sent < len(view):
                sent += self.send(view[sent:], flags)

    def _limit(self) -> call.Call:
        """Bounds the wait that comes next; the call it belongs to."""
        under_way = call.current()
        left = under_way.left()
        if not _KERNEL_WAITS:
            super().settimeout(left)
        elif abs(left - self._in_force) >= _SAME_TIMEOUT:
            self._in_force = left
            timeval = struct.pack("ll", *divmod(max(int(left * 1e6), 1), 1_000_000))  # 0 would mean for ever
            self.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
            self.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval)
        return under_way


class BoundedTlsSocket(ssl.SSLSocket):
    """A connection inside TLS. Python's time-outs bound an operation here, however many reads OpenSSL makes for it."""

    def do_handshake(self, block: bool = False) -> None:
        super().settimeout(call.current().left())
        super().do_handshake(block)

    def read(self, len: int = 1024, buffer: Any = None) -> Any:
        under_way = call.current()
        super().settimeout(under_way.left())
        read: Any = super().read(len, buffer)
        under_way.count(read if buffer is not None else memoryview(read).nbytes)
        return read

    def send(self, data: Any, flags: int = 0) -> int:
        """Also what ``sendall`` is made of."""
        under_way = call.current()
        super().settimeout(under_way.left())
        under_way.sent = True
        return super().send(data, flags)

    def recv_now(self, size: int) -> bytes:
        """As above; raises SSLWantReadError or SSLWantWriteError."""
        read: bytes = super().read(size)
        return read

    @property
    def holds_more(self) -> bool:
        """As above: TLS unpacks a record as a whole."""
        return self.pending() > 0

    def send_now(self, data: Any) -> int:
        """As above; raises SSLWantReadError or SSLWantWriteError."""
        return super().send(data)


def connect(host: str, port: int) -> BoundedSocket:
    """A connection to the first address of ``host`` that takes one, each given its share of what is left of the call.

    Raises OSError, also for a name that is none, and TimeoutError.
    """
    addresses = _addresses(host, port)
    problem: OSError | None = None
    for place, (family, kind, protocol, _, address) in enumerate(addresses):
        try:
            connection = BoundedSocket(family, kind, protocol)
        except OSError as error:  # the kernel has no such family: what another address met says more
            problem = problem or error
            continue
        try:
            share = call.current().left() / (len(addresses) - place)
            connection.connect_within(address, min(CONNECT_SECONDS, share))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            return connection
        except OSError as error:
            connection.close()
            problem = error
    raise problem or OSError(f"{host} has no address")


def bounded_tls(context: ssl.SSLContext) -> ssl.SSLContext:
    """``context``, whose connections are bounded from now on."""
    context.sslsocket_class = BoundedTlsSocket
    return context


def _addresses(host: str, port: int) -> list[Any]:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise socket.gaierror(socket.EAI_NONAME, "not a host's name") from error
