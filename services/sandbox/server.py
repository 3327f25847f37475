"""Server: the one place where the sandbox is put together."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from services.sandbox import run_file
from services.sandbox.api import SandboxApi
from services.sandbox.aws.ses import Ses
from services.sandbox.aws.sns import Sns
from services.sandbox.aws.sns_signature import SnsSigner
from services.sandbox.aws.sns_topics import SnsTopics
from services.sandbox.config import SandboxSettings
from services.sandbox.faults import Faults
from services.sandbox.fcm.api import Fcm
from services.sandbox.fcm.oauth import TokenEndpoint
from services.sandbox.http.certificate import tls_context
from services.sandbox.http.http_connection import HttpConnection
from services.sandbox.mail.smtp import SmtpServer
from services.sandbox.metrics import CountedRequests, SandboxMetrics
from services.sandbox.receipts.inbox import Inbox
from services.sandbox.receipts.log import ReceiptLog
from services.sandbox.twilio.api import Twilio
from services.sandbox.twilio.callbacks import StatusCallbacks
from services.sandbox.web import application
from services.sandbox.webhook.api import WebhookReceiver
from shared.config import StartError
from shared.http_server import HttpServer
from shared.observe.http_traces import HttpTraces
from shared.observe.logs import logger
from shared.observe.metrics import Metrics
from shared.observe.tracing import OFF, Tracer
from shared.own_pages import OwnPages, OwnPagesOnly, names

#: Calls under way when it stops have so long, s.
DRAIN_SECONDS = 1.0

log = logger(__name__)


class Sandbox:
    """All look-alikes of one sandbox. The ports are 0 until :meth:`start` has returned; ``smtps_port`` may stay so."""

    def __init__(
        self,
        settings: SandboxSettings,
        receipts: ReceiptLog,
        smtp: SmtpServer,
        http: HttpServer,
        callbacks: StatusCallbacks | None,
        topics: SnsTopics,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self.metrics = metrics
        self._receipts = receipts
        self._smtp = smtp
        self._http = http
        self._callbacks = callbacks
        self._topics = topics
        self._sockets: list[socket.socket] = []
        self._run_file = Path(settings.home) / "run" / "sandbox.json"
        self._is_up = False
        self.http_port = 0
        self.smtp_port = 0
        self.smtps_port = 0

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
        await self._smtp.stop()
        await self._http.stop()
        if self._callbacks is not None:
            await self._callbacks.close()
        await self._topics.close()
        await self._receipts.close()
        for sock in self._sockets:
            sock.close()
        if self._is_up:
            self._run_file.unlink(missing_ok=True)

    def addresses(self) -> dict[str, object]:
        """Host, ports (``smtps`` None if it is off) and process id."""
        return {
            "host": self._settings.sandbox_host,
            "http": self.http_port,
            "smtp": self.smtp_port,
            "smtps": self.smtps_port or None,
            "pid": os.getpid(),
        }

    async def _start(self) -> None:
        settings = self._settings
        self._receipts.open()
        http, smtp = self._bind(settings.sandbox_port), self._bind(settings.sandbox_smtp_port)
        self.http_port, self.smtp_port = _port(http), _port(smtp)
        folder = data_folder(settings)
        starttls = None if settings.sandbox_smtp_starttls == "off" else tls_context(folder)
        await self._smtp.start(smtp, starttls)
        if settings.sandbox_smtps == "on":
            smtps = self._bind(settings.sandbox_smtps_port)
            self.smtps_port = _port(smtps)
            await self._smtp.start_tls(smtps, tls_context(folder))
        await self._http.start(http)

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
    callbacks = (
        StatusCallbacks(settings.sandbox_callback_delay_ms / 1000) if settings.sandbox_callbacks == "on" else None
    )
    signer = SnsSigner()
    topics = SnsTopics(signer, settings.sandbox_callback_delay_ms / 1000)
    tokens = TokenEndpoint()
    app = application(
        api=SandboxApi(receipts, inbox, faults),
        twilio=Twilio(receipts, faults, settings.sandbox_twilio_auth_token.get_secret_value(), callbacks),
        tokens=tokens,
        fcm=Fcm(receipts, faults, tokens),
        ses=Ses(receipts, faults, topics),
        sns=Sns(receipts, faults, topics, signer),
        webhook=WebhookReceiver(receipts, faults, settings.sandbox_webhook_secret.get_secret_value()),
    )
    own = OwnPagesOnly(CountedRequests(app, counted), OwnPages(names(settings.open_hosts)), prefix="/api/")
    # What it refuses it was told to refuse: that is no failure to be kept.
    http = HttpServer(HttpTraces(own, tracer, keeps_failures=False), DRAIN_SECONDS, HttpConnection)
    return Sandbox(settings, receipts, SmtpServer(settings, receipts, faults), http, callbacks, topics, metrics)


def data_folder(settings: SandboxSettings) -> Path:
    """Where the receipt log and the certificate are."""
    return Path(settings.home) / "data" / "sandbox"


def _port(sock: socket.socket) -> int:
    return int(sock.getsockname()[1])
