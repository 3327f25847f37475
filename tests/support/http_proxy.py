"""An HTTP proxy that counts who comes, and leads each to one server whatever address they ask for."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self


class CountingProxy:
    """Listens on :attr:`url` within ``with``. ``target`` is a port of this machine; without one all are refused."""

    def __init__(self, target: int = 0) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        #: The first line of each request that came.
        self.asked: list[str] = []

    @property
    def environment(self) -> dict[str, str]:
        """What has every program go by this proxy that heeds any of the usual names."""
        names = ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy")
        return {spelt: self.url for name in names for spelt in (name, name.upper())} | {"no_proxy": "", "NO_PROXY": ""}

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed at the end
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            head = connection.recv(64 * 1024)
            self.asked.append(head.split(b"\r\n", 1)[0].decode("latin-1"))
            if not self._target:
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", self._target)) as behind:
                if head.startswith(b"CONNECT "):
                    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                else:
                    behind.sendall(head)
                back = threading.Thread(target=_pump, args=(behind, connection), daemon=True)
                back.start()
                _pump(connection, behind)
                back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(64 * 1024):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
