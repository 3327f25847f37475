"""Servers that keep a caller waiting without ever being silent: a byte at a time, or lines without an end."""

from __future__ import annotations

import contextlib
import itertools
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Between two bytes, s: many fit into the time-out of any single read.
EVERY_S = 0.02


class Peer:
    """One connection, as its server sees it. Every method returns when the test ends or the caller hangs up."""

    def __init__(self, connection: socket.socket, over: threading.Event) -> None:
        self.connection = connection
        self._over = over

    def say(self, *lines: bytes) -> None:
        """Says lines at once."""
        self.connection.sendall(b"".join(line + b"\r\n" for line in lines))

    def hear(self, end: bytes = b"\r\n") -> bytes:
        """What the caller says up to ``end``."""
        heard = b""
        while not heard.endswith(end) and not self._over.is_set():
            byte = self.connection.recv(1)
            if not byte:
                raise ConnectionResetError
            heard += byte
        return heard

    def hear_head(self) -> bytes:
        """The head of an HTTP request."""
        return self.hear(b"\r\n\r\n")

    def hear_body(self, head: bytes) -> None:
        """The body that belongs to ``head``."""
        lines = head.lower().split(b"\r\n")
        length = next((int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:")), 0)
        while length > 0:
            length -= len(self.connection.recv(length))

    def hear_request(self) -> None:
        """One HTTP request."""
        self.hear_body(self.hear_head())

    def drip(self, *pieces: bytes) -> None:
        """Says pieces, a while apart, from the first again when they are through."""
        for piece in itertools.cycle(pieces):
            if self._over.wait(EVERY_S):
                return
            self.connection.sendall(piece)

    def drip_bytes(self, text: bytes) -> None:
        """Says ``text`` a byte at a time, and its last byte for ever."""
        for byte in text[:-1]:
            if self._over.wait(EVERY_S):
                return
            self.connection.sendall(bytes([byte]))
        self.drip(text[-1:])

    def sip(self) -> None:
        """Reads a little at a time for ever."""
        while not self._over.wait(EVERY_S):
            if not self.connection.recv(1000):
                return

    def pour(self, piece: bytes) -> None:
        """Says ``piece`` again and again, as fast as it is taken."""
        while not self._over.is_set():
            self.connection.sendall(piece)


@contextmanager
def dripping(talk: Callable[[Peer], None], tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server that does ``talk`` with each connection, inside TLS if ``tls`` is given; gives its port."""
    over = threading.Event()
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # connections inherit it: a slow reader is noticed
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    threads: list[threading.Thread] = []

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            spoken = tls.wrap_socket(connection, server_side=True) if tls else connection
            with spoken:
                talk(Peer(spoken, over))

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threads.append(threading.Thread(target=serve, args=(connection,), daemon=True))
                threads[-1].start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield listener.getsockname()[1]
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()
