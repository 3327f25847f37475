"""Where a parent asks one of its processes for what that counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client import disable_created_metrics, start_wsgi_server

from shared.observe.logs import logger
from shared.observe.metrics import Registry
from shared.observe.metrics_endpoint import LOOPBACK, tell_by_log
from shared.processes.figures import packed

log = logger(__name__)


class PartEndpoint:
    """Serves a registry's figures on any free port of the loopback interface; ``tell`` is told which."""

    def __init__(self, registry: Registry, tell: Callable[[int], None]) -> None:
        self._registry = registry
        self._tell = tell
        self._stop: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Serves. Without a port it says so and no more: what is not seen must still be delivered."""
        disable_created_metrics()  # type: ignore[no-untyped-call]
        try:
            server, thread = start_wsgi_server(0, LOOPBACK, self._registry)
        except OSError as error:
            log.error("metrics not served", reason=error.strerror)
            return
        server.set_app(self._answer)
        tell_by_log(server)

        def stop() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        self._stop = stop
        self._tell(server.server_port)

    def stop(self) -> None:
        """Closes the port; blocks for up to half a second."""
        self._stop()

    def _answer(self, _environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        said = packed(self._registry)
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(said)))])
        return [said]
