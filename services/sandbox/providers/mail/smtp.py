"""SMTP: the look-alike of a mail provider's submission server."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import ssl
from collections.abc import Callable, Sequence
from hmac import compare_digest
from typing import Any, cast

from aiosmtpd.smtp import Envelope, Session

from services.sandbox.faults import ACCEPTED, Fault, Faults, Plan
from services.sandbox.providers.mail.letter import Envelope as Received
from services.sandbox.providers.mail.letter import parse
from services.sandbox.providers.mail.settings import MailSettings
from services.sandbox.providers.mail.smtp_session import SmtpSession
from services.sandbox.receipts.log import ReceiptLog
from shared.observe.logs import logger

PROVIDER = "smtp"
#: Where in a conversation a status can be answered, or drip: on connecting, to a command, or after the content.
STEPS = ("connect", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "end")
NAME = "sandbox.pulse.localhost"
#: Mailboxes that begin so do not exist.
UNKNOWN = "no-such-user"
NO_ANSWER = b"\x00\xff\xfe<<< not SMTP >>>\x00\r\n"

#: RFC 5321, 4.3.2: refusals that a server gives to RCPT, where they concern one recipient, not to the email.
RECIPIENT_REFUSALS = frozenset({450, 550, 551, 553})

log = logger(__name__)


class MailHandler:
    """What aiosmtpd asks at each command: it plans the faults and keeps what is accepted."""

    def __init__(self, receipts: ReceiptLog, faults: Faults, offers_login: bool) -> None:
        self._receipts = receipts
        self._faults = faults
        self._offers_login = offers_login

    async def handle_EHLO(  # aiosmtpd finds its hooks by these names
        self, _server: SmtpSession, session: Session, _envelope: Envelope, hostname: str, answer: list[str]
    ) -> list[str]:
        """Adds PIPELINING (RFC 2920), and hides AUTH where there is no user to log in as."""
        session.host_name = hostname
        kept = [line for line in answer if self._offers_login or not line.startswith("250-AUTH")]
        return [*kept[:-1], "250-PIPELINING", kept[-1]]

    async def handle_RCPT(
        self, server: SmtpSession, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accepts the recipient unless a fault refuses it here."""
        fault = self._faults.take_at(PROVIDER, "rcpt", [address])
        fault = fault or self._faults.take_if(PROVIDER, [address], _refuses_recipient)
        if fault is not None and fault.action == "drip":
            return await _fail(server, fault)
        if fault is not None and fault.value not in ACCEPTED:
            return fault.smtp_reply
        if address.startswith(UNKNOWN):
            return "550 5.1.1 No such user"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 Ok" if fault is None else fault.smtp_reply

    async def handle_DATA(self, server: SmtpSession, _session: Session, envelope: Envelope) -> str:
        """Keeps one receipt a recipient and answers, or does what a fault asks for."""
        fault = self.fault_at("end", envelope.rcpt_tos)
        plan = self._faults.take(PROVIDER, envelope.rcpt_tos) if fault is None else Plan(fault=fault)
        if plan.delay_s:
            await asyncio.sleep(plan.delay_s)
        if plan.fault is None:
            return await self._keep(envelope)
        if plan.fault.keeps_receipt:
            await self._keep(envelope)
        return await _fail(server, plan.fault)

    def fault_at(self, at: str, addresses: Sequence[str] = ()) -> Fault | None:
        """What befalls the command ``at``, which names ``addresses``."""
        return self._faults.take_at(PROVIDER, at, addresses)

    async def handle_exception(self, error: Exception) -> str:
        """A command that broke the handler: its text may quote the client, so only the kind is logged."""
        log.error("smtp_command_failed", kind=type(error).__name__)
        return "451 4.3.0 Local error in processing"

    async def _keep(self, envelope: Envelope) -> str:
        content = cast("bytes", envelope.content)  # aiosmtpd decodes only where it is asked to
        queue_id = secrets.token_hex(8)
        receipts = parse(content).receipts(
            PROVIDER, Received(envelope.mail_from or "", envelope.rcpt_tos, content), queue_id
        )
        try:
            await self._receipts.keep(*receipts)
        except OSError as error:
            log.error("receipt_not_kept", errno=error.errno)
            return "452 4.3.1 Insufficient system storage"
        return f"250 2.0.0 Ok: queued as {queue_id}"


class SmtpServer:
    """The SMTP ports of one sandbox."""

    def __init__(self, settings: MailSettings, receipts: ReceiptLog, faults: Faults) -> None:
        self._settings = settings
        self._handler = MailHandler(receipts, faults, bool(settings.sandbox_smtp_username))
        self._sessions: set[SmtpSession] = set()
        self._servers: list[asyncio.Server] = []

    async def start(self, sock: socket.socket, starttls: ssl.SSLContext | None) -> None:
        """Serves plain SMTP, with STARTTLS if a context is given."""
        await self._serve(self._factory(starttls), sock, None)

    async def start_tls(self, sock: socket.socket, tls: ssl.SSLContext) -> None:
        """Serves SMTP inside TLS (RFC 8314)."""
        await self._serve(self._factory(None), sock, tls)

    async def stop(self) -> None:
        """Closes the ports and hangs up on every client."""
        for server in self._servers:
            server.close()
        for session in list(self._sessions):
            session.reset()
        for server in self._servers:
            await server.wait_closed()

    async def _serve(self, factory: Callable[[], SmtpSession], sock: socket.socket, tls: ssl.SSLContext | None) -> None:
        # aiosmtpd logs addresses at INFO and quotes its client at WARNING.
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)
        self._servers.append(await asyncio.get_running_loop().create_server(factory, sock=sock, ssl=tls, backlog=1024))

    def _factory(self, starttls: ssl.SSLContext | None) -> Callable[[], SmtpSession]:
        options: dict[str, Any] = {
            "data_size_limit": self._settings.sandbox_smtp_size_limit,
            "enable_SMTPUTF8": True,
            "hostname": NAME,
            "ident": "ESMTP Pulse sandbox",
            "tls_context": starttls,
            "require_starttls": self._settings.sandbox_smtp_starttls == "required",
            "auth_required": bool(self._settings.sandbox_smtp_username),
            "auth_require_tls": starttls is not None,
            "auth_callback": self._may_log_in,
            "loop": asyncio.get_running_loop(),
        }
        return lambda: SmtpSession(self._sessions, self._handler, **options)

    def _may_log_in(self, _mechanism: str, login: bytes, password: bytes) -> bool:
        expected = self._settings.sandbox_smtp_password.get_secret_value().encode()
        same_name = compare_digest(login, self._settings.sandbox_smtp_username.encode())
        return compare_digest(password, expected) and same_name


def _refuses_recipient(fault: Fault) -> bool:
    return fault.action == "status" and fault.value in RECIPIENT_REFUSALS


async def _fail(server: SmtpSession, fault: Fault) -> str:
    """Answers as the fault asks; where the connection ends with it, never returns."""
    if fault.effect == "retry_after_s":
        return f"451 4.7.1 Too many emails, try again in {fault.value} seconds"
    if fault.effect == "status" and fault.value != 421:
        return fault.smtp_reply
    if fault.effect == "hang":
        await asyncio.sleep(fault.seconds)
    elif fault.effect == "drip":
        await server.drip(250, fault.drip_s)
    elif fault.effect == "reset":
        server.reset()
    else:
        await server.push(NO_ANSWER if fault.effect == "garbage" else fault.smtp_reply.encode())
    return await _hang_up(server)


async def _hang_up(server: SmtpSession) -> str:
    """Also what follows a 421 (RFC 5321, 3.8)."""
    server.hang_up()
    await asyncio.get_running_loop().create_future()  # losing the connection cancels this
    raise AssertionError("a lost connection cancels its session")
