"""Web servers that stand in for somebody outside who is called: each test says what they answer and keep."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

#: How soon a server that is to end notices, s.
_POLL = 0.01


class QuietHandler(BaseHTTPRequestHandler):
    """Writes nothing into the test's output."""

    def log_message(self, *_: Any) -> None:
        """Tests say what they find."""

    def body(self) -> bytes:
        """What was posted."""
        return self.rfile.read(int(self.headers["Content-Length"]))


@contextmanager
def serving(server: HTTPServer) -> Iterator[None]:
    """``server`` answers until the block ends, and is closed then."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": _POLL})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
