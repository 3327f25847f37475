"""A mail provider's submission server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from services.sandbox.faults import ACCEPTED, Answers, Status
from services.sandbox.http.certificate import tls_context
from services.sandbox.providers.lookalike import Bind, Lookalike, Parts, data_folder
from services.sandbox.providers.mail.settings import MailSettings
from services.sandbox.providers.mail.smtp import PROVIDER, STEPS, SmtpServer


class Mail(Lookalike):
    """SMTP on a port of its own, and inside TLS on another where that is asked for."""

    serves: ClassVar = {PROVIDER: Answers(Status(550), Status(530, "mail"), frozenset(ACCEPTED), STEPS)}
    port = "smtp"
    settings = MailSettings

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._settings: MailSettings = parts.settings
        self._server = SmtpServer(self._settings, parts.receipts, parts.faults)
        self._ports: dict[str, int | None] = {"smtp": None, "smtps": None}

    async def start(self, bind: Bind) -> None:
        settings, folder = self._settings, data_folder(self._settings)
        smtp = bind(settings.sandbox_smtp_port)
        self._ports["smtp"] = smtp.getsockname()[1]
        starttls = None if settings.sandbox_smtp_starttls == "off" else tls_context(folder)
        await self._server.start(smtp, starttls)
        if settings.sandbox_smtps == "on":
            smtps = bind(settings.sandbox_smtps_port)
            self._ports["smtps"] = smtps.getsockname()[1]
            await self._server.start_tls(smtps, tls_context(folder))

    async def stop(self) -> None:
        await self._server.stop()

    def ports(self) -> Mapping[str, int | None]:
        return self._ports
