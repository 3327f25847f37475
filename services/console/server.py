"""Server: the one place where the console is put together."""

from __future__ import annotations

import os
import socket

import grpc.aio
from starlette.applications import Starlette
from starlette.middleware import Middleware

from services.console.application import Views, application
from services.console.config import ConsoleSettings
from services.console.metrics import ConsoleMetrics
from services.console.views.attachment_pages import AttachmentPages
from services.console.views.dead_letter_pages import DeadLetterPages
from services.console.views.destination_pages import DestinationPages
from services.console.views.editor.preview_pages import PreviewPages
from services.console.views.fragment_pages import FragmentPages
from services.console.views.limit_pages import LimitPages
from services.console.views.monitor import Monitors
from services.console.views.notification_pages import NotificationPages
from services.console.views.overview import Overview
from services.console.views.provider_pages import ProviderPages
from services.console.views.recipient_pages import RecipientPages
from services.console.views.sender_pages import SenderPages
from services.console.views.template_pages import TemplatePages
from services.console.web.gateway import Gateway
from services.console.web.login import Login
from services.console.web.page import Pages
from services.console.web.session import Sessions
from services.console.web.visits import Visits
from shared.clock import Clock, SystemClock
from shared.config import StartError
from shared.net.http_server import HttpServer
from shared.net.own_pages import OwnPages, OwnPagesOnly, names
from shared.observe.http_traces import HttpTraces
from shared.observe.logs import logger
from shared.observe.metrics import Metrics
from shared.observe.tracing import OFF, Tracer
from shared.rpc import channels

log = logger(__name__)


class Console:
    """One console. ``port`` is 0 until :meth:`start` has returned."""

    def __init__(self, settings: ConsoleSettings, clock: Clock | None = None, tracer: Tracer = OFF) -> None:
        self._settings = settings
        self._gateway_channel = channels.open_channel(settings.gateway_address, settings.tls, "gateway")
        self.metrics = Metrics()
        self.app = build(settings, clock or SystemClock(), self._gateway_channel, ConsoleMetrics(self.metrics))
        self._http = HttpServer(HttpTraces(self.app, tracer), settings.drain_seconds)
        self.port = 0

    async def start(self) -> None:
        """Returns once HTTP is served; raises StartError if the port is taken."""
        sock = _bind(self._settings.console_host, self._settings.console_port)
        self.port = sock.getsockname()[1]
        await self._http.start(sock)
        log.info("listening", host=self._settings.console_host, port=self.port)
        if self._settings.auth == "off":
            log.warning("no_login", reason="PULSE_AUTH=off: whoever reaches this port may do everything")

    async def stop(self) -> None:
        """Lets requests under way end, then hangs up."""
        await self._http.stop()
        await self._gateway_channel.close()


def build(settings: ConsoleSettings, clock: Clock, gateway: grpc.aio.Channel, metrics: ConsoleMetrics) -> Starlette:
    """Puts the application together; nothing is opened or bound."""
    sessions = Sessions(
        settings.console_secret.get_secret_value(),
        settings.console_session_hours * 3600,
        settings.console_idle_minutes * 60,
        clock,
    )
    pages = Pages(settings, sessions)
    visits = Visits(
        Gateway(gateway),
        sessions,
        pages,
        metrics,
        needs_login=settings.auth == "required",
        secure=settings.env == "production",
    )
    views = Views(
        overview=Overview(pages, Monitors(clock)),
        notifications=NotificationPages(pages),
        attachments=AttachmentPages(pages),
        dead_letters=DeadLetterPages(pages, clock),
        recipients=RecipientPages(pages),
        templates=TemplatePages(pages),
        previews=PreviewPages(pages),
        fragments=FragmentPages(pages),
        senders=SenderPages(pages),
        destinations=DestinationPages(pages),
        providers=ProviderPages(pages),
        limits=LimitPages(pages),
        login=Login(pages, settings.console_session_hours * 3600),
    )
    return application(visits, pages, views, _own_pages_only(settings))


def _own_pages_only(settings: ConsoleSettings) -> list[Middleware]:
    """Where nobody logs in, other sites' pages are kept away by their names; else by the session."""
    if settings.auth == "required":
        return []
    return [Middleware(OwnPagesOnly, OwnPages(names(settings.open_hosts)), prefix="/console")]


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=256, dualstack_ipv6=host == "::")
    except OSError as error:
        raise StartError(
            f"cannot listen on {host} port {port}: {os.strerror(error.errno or 0)}; "
            "PULSE_CONSOLE_HOST and PULSE_CONSOLE_PORT name another"
        ) from None
