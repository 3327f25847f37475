"""The port that Prometheus scrapes, answered by threads beside the event loop."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, disable_created_metrics, start_wsgi_server

from shared.config import Settings
from shared.observe.logs import logger

LOOPBACK = "127.0.0.1"

log = logger(__name__)


class MetricsEndpoint:
    """Serves a registry on the settings' ``metrics_port``.

    On the host that gRPC listens on, if one is set. Port 0 is any free one, of use to this machine alone: it is
    bound on the loopback interface and written to ``<home>/run/<role>.metrics`` as ``host:port``.
    """

    def __init__(self, role: str, settings: Settings, registry: CollectorRegistry) -> None:
        self._host = _host(settings)
        self._port = settings.metrics_port
        self._registry = registry
        self._file = Path(settings.home) / "run" / f"{role}.metrics"
        self._serving: tuple[WSGIServer, threading.Thread] | None = None

    def start(self) -> None:
        """Serves. A port that is taken is said and no more: what is not seen must still be delivered."""
        # Creation times double the series, and Prometheus finds a restarted counter by itself.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        try:
            self._serving = start_wsgi_server(self._port, self._host, self._registry)
            tell_by_log(self._serving[0])
            if not self._port:
                self._announce()
        except OSError as error:
            log.error("metrics not served", port=self._port, reason=error.strerror)
        else:
            log.info("metrics served", host=self._host, port=self.port)

    @property
    def port(self) -> int:
        """The port it serves on; 0 if it does not."""
        return self._serving[0].server_port if self._serving else 0

    def stop(self) -> None:
        """Closes the port; blocks for up to half a second."""
        if self._serving is None:
            return
        if not self._port:
            self._file.unlink(missing_ok=True)
        server, thread = self._serving
        server.shutdown()
        server.server_close()
        thread.join()
        self._serving = None

    def _announce(self) -> None:
        """A reader sees the whole file or none."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        draft = self._file.with_suffix(f".{os.getpid()}.draft")
        draft.write_text(f"{self._host}:{self.port}\n", encoding="ascii")
        draft.replace(self._file)


def tell_by_log(server: WSGIServer) -> None:
    """What goes wrong in an answer is logged like all else; Python's own servers print it beside the log."""
    application = server.get_app()

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        try:
            return application(environ, start_response) if application else ()
        except Exception as error:
            log.error("metrics not told", exc_info=error)
            start_response("500 Internal Server Error", [])
            return ()

    def failed(request: Any, client_address: Any) -> None:
        log.warning("a scrape failed", exc_info=True)

    server.set_app(answer)
    server.handle_error = failed  # type: ignore[method-assign]


def _host(settings: Settings) -> str:
    own = settings.listen.rpartition(":")[0].strip("[]")
    if own:
        return own
    if not settings.metrics_port:
        return LOOPBACK
    return "::" if socket.has_dualstack_ipv6() else "0.0.0.0"  # noqa: S104 -- Prometheus comes from elsewhere
