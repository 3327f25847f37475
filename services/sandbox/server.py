"""Server: the one place where the sandbox is put together."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path

from services.sandbox import run_file
from services.sandbox.api import SandboxApi
from services.sandbox.config import SandboxSettings
from services.sandbox.faults import Faults
from services.sandbox.http.http_connection import HttpConnection
from services.sandbox.metrics import CountedRequests, SandboxMetrics
from services.sandbox.providers.lookalike import Lookalike, Parts, data_folder
from services.sandbox.providers.registry import ANSWERS, LOOKALIKES
from services.sandbox.receipts.inbox import Inbox
from services.sandbox.receipts.log import ReceiptLog
from services.sandbox.web import application
from shared.config import StartError
from shared.net.http_server import HttpServer
from shared.net.own_pages import OwnPages, OwnPagesOnly, names
from shared.observe.http_traces import HttpTraces
from shared.observe.logs import logger
from shared.observe.metrics import Metrics
from shared.observe.tracing import OFF, Tracer

#: Calls under way when it stops have so long, s.
DRAIN_SECONDS = 1.0

log = logger(__name__)


class Sandbox:
    """All look-alikes of one sandbox. There are no ports before :meth:`start` has returned."""

    def __init__(
        self,
        settings: SandboxSettings,
        receipts: ReceiptLog,
        lookalikes: Sequence[Lookalike],
        http: HttpServer,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self.metrics = metrics
        self._receipts = receipts
        self._lookalikes = lookalikes
        self._http = http
        self._sockets: list[socket.socket] = []
        self._run_file = Path(settings.home) / "run" / "sandbox.json"
        self._is_up = False
        self.ports: dict[str, int | None] = {}

    async def start(self) -> None:
        """Binds, serves and says where; raises StartError if a port or the log is taken."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise
        self._is_up = True
        run_file.write(self._run_file, self.addresses())
        log.info("listening", **self.addresses())

    async def stop(self) -> None:
        """Stops serving, hangs up, and returns when all that was accepted is on the disk."""
        await self._http.stop()
        for lookalike in self._lookalikes:
            await lookalike.stop()
        await self._receipts.close()
        for sock in self._sockets:
            sock.close()
        if self._is_up:
            self._run_file.unlink(missing_ok=True)

    def addresses(self) -> dict[str, object]:
        """Host, ports by name (None: one that is off) and process id."""
        return {"host": self._settings.sandbox_host, **self.ports, "pid": os.getpid()}

    async def _start(self) -> None:
        self._receipts.open()
        http = self._bind(self._settings.sandbox_port)
        for lookalike in self._lookalikes:
            await lookalike.start(self._bind)
        await self._http.start(http)
        self.ports = {"http": http.getsockname()[1]}
        for lookalike in self._lookalikes:
            self.ports |= lookalike.ports()

    def _bind(self, port: int) -> socket.socket:
        host = self._settings.sandbox_host
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            sock = socket.create_server((host, port), family=family, backlog=1024)
        except OSError as error:
            raise StartError(
                f"cannot listen on {host} port {port}: {os.strerror(error.errno or 0)}; "
                "PULSE_SANDBOX_HOST and PULSE_SANDBOX_…_PORT name another"
            ) from None
        self._sockets.append(sock)
        return sock


def build(settings: SandboxSettings, tracer: Tracer = OFF) -> Sandbox:
    """Puts one sandbox together; nothing is opened or bound before its ``start``."""
    metrics = Metrics()
    counted = SandboxMetrics(metrics)
    inbox = Inbox(settings.sandbox_keep)
    receipts = ReceiptLog(data_folder(settings) / "receipts.jsonl", inbox, kept=counted.kept)
    faults = Faults(counted.befell)
    lookalikes = [lookalike(Parts(settings, receipts, faults)) for lookalike in LOOKALIKES]
    app = application(SandboxApi(receipts, inbox, faults, ANSWERS), lookalikes)
    own = OwnPagesOnly(CountedRequests(app, counted), OwnPages(names(settings.open_hosts)), prefix="/api/")
    # What it refuses it was told to refuse: that is no failure to be kept.
    http = HttpServer(HttpTraces(own, tracer, keeps_failures=False), DRAIN_SECONDS, HttpConnection)
    return Sandbox(settings, receipts, lookalikes, http, metrics)
