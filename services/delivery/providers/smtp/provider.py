"""Email over SMTP, over kept connections that the standard library's client opens."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
import time
from collections import deque
from functools import partial
from typing import Self

from services.delivery.providers.base.bounded_sockets import bounded_tls
from services.delivery.providers.base.call import Call
from services.delivery.providers.base.provider import CallingProvider
from services.delivery.providers.base.threads import Threads
from services.delivery.providers.mail.email_building import BuiltEmail, build
from services.delivery.providers.mail.mail_addresses import BadAddress, Sender, parse_sender
from services.delivery.providers.smtp import replies, unopened
from services.delivery.providers.smtp.hello import default_hello_name
from services.delivery.providers.smtp.opening import MailServer, NotOpened, open_connection
from services.delivery.providers.smtp.session import ConnectionLost, Reply, SmtpSession
from services.delivery.providers.smtp.settings import SmtpSettings
from services.delivery.providers.smtp.steps import Step
from services.delivery.rules.provider import Cause, Decision, Outcome, Outgoing, permanent, transient
from shared.clock import Clock
from shared.observe.logs import logger

#: A connection that lay idle for longer is not used again: servers hang up after minutes, s.
IDLE_SECONDS = 60.0
#: With less left of a call no other connection is begun, s: it would not get far, and its time-out be told instead of
#: what came first. A kernel's own time-out may be early by half of that.
REPLACING_SECONDS = 0.2
#: A connection ends its own opening at the call's deadline; the search for its address, which knows none, is left so
#: long after, s.
GRACE_SECONDS = 0.25

log = logger(__name__)


class SmtpProvider(CallingProvider[BuiltEmail]):
    """Sends emails. A connection is opened in a thread, as smtplib blocks; emails go over it in the event loop."""

    name = "smtp"
    channel = "EMAIL"

    def __init__(
        self, server: MailServer, sender: Sender, *, connections: int, emails_per_connection: int, clock: Clock
    ) -> None:
        self._server = server
        self._sender = sender
        self._emails_per_connection = emails_per_connection
        self._clock = clock
        self._idle: deque[SmtpSession] = deque()
        self._threads = Threads(2 * connections)
        self.concurrency = connections

    @classmethod
    def from_settings(cls, settings: SmtpSettings, clock: Clock) -> Self:
        """Connects to nothing yet; raises :class:`BadAddress` for a sender that is none, OSError for a bad CA file."""
        sender = parse_sender(settings.smtp_from)
        context = None if settings.smtp_tls == "none" else bounded_tls(_trusting(settings.smtp_ca_file))
        server = MailServer(
            host=settings.smtp_host,
            port=settings.smtp_port,
            tls=settings.smtp_tls,
            context=context,
            username=settings.smtp_username,
            password=settings.smtp_password.get_secret_value(),
            local_name=settings.smtp_ehlo_name or default_hello_name(sender.envelope),
        )
        return cls(
            server,
            sender,
            connections=settings.smtp_connections,
            emails_per_connection=settings.smtp_emails_per_connection,
            clock=clock,
        )

    def build(self, outgoing: Outgoing) -> BuiltEmail | Outcome:
        try:
            return build(outgoing, self._sender, self._clock.now())
        except BadAddress as error:
            return permanent("INVALID_ADDRESS", str(error))

    async def call(self, message: BuiltEmail, call: Call) -> Outcome:
        """A kept connection that turns out to be closed before anything went out is replaced once, if there is time."""
        kept = self._kept_session()
        if kept is None:
            return await self._send_anew(message, call)
        try:
            return await self._send_over(kept, message, call)
        except _ConnectionStale as stale:
            if call.deadline - time.monotonic() < REPLACING_SECONDS:
                return stale.outcome
        return await self._send_anew(message, call)

    async def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _kept_session(self) -> SmtpSession | None:
        """The connection that was used last, so that those there are too many of grow old."""
        while self._idle:
            session = self._idle.pop()
            if time.monotonic() - session.last_used < IDLE_SECONDS and session.is_quiet:
                return session
            session.close()
        return None

    async def _send_anew(self, email: BuiltEmail, call: Call) -> Outcome:
        left = max(call.deadline - time.monotonic(), 0.0)
        try:
            async with asyncio.timeout(left + GRACE_SECONDS):
                client = await self._threads.run(partial(open_connection, self._server), smtplib.SMTP.close)
        except NotOpened as failed:
            outcome = unopened.outcome(failed)
            # The sentence is ours: what the server wrote may quote a login.
            log.warning("smtp_not_connected", kind=type(failed.reason).__name__, code=outcome.code, why=outcome.message)
            return outcome
        except TimeoutError:
            log.error("the search for the mail server hangs")
            return transient("CALL_OVERDUE", "the mail server's address could not be found in time")
        try:
            return await self._send_over(SmtpSession(client), email, call)
        except _ConnectionStale as stale:
            return stale.outcome

    async def _send_over(self, session: SmtpSession, email: BuiltEmail, call: Call) -> Outcome:
        try:
            return await self._outcome_over(session, email, call)
        finally:
            if session.usable and session.sent < self._emails_per_connection and len(self._idle) < self.concurrency:
                self._idle.append(session)
            else:
                session.close()

    async def _outcome_over(self, session: SmtpSession, email: BuiltEmail, call: Call) -> Outcome:
        problem = _cannot_carry(session, email)
        if problem is not None:
            return problem
        try:
            reply = await session.send(email, call)
        except ConnectionLost as error:
            lost = replies.lost(error.step)
            if error.step is not Step.END:
                raise _ConnectionStale(lost) from None
            return lost
        outcome = _outcome(reply)
        if session.refused_copies:
            outcome = outcome._replace(told=[_refused_copy(email, *one) for one in session.refused_copies])
        if email.copies and reply.step is Step.END:
            outcome = outcome._replace(rejection=None)  # whose address it speaks of, nobody can tell
        if reply.step is not Step.END and reply.code == 421 and session.sent > 1:
            raise _ConnectionStale(outcome)
        return outcome


class _ConnectionStale(Exception):
    """The server closed the connection before the email's content went out: another connection may do.

    ``outcome`` is the email's where there is no time for another.
    """

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.code)
        self.outcome = outcome


def _trusting(ca_file: str) -> ssl.SSLContext:
    """Believes the authorities in ``ca_file``, or else the system's; raises OSError that names the setting."""
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:  # ssl's own errors are such: there is no certificate in it, say
        why = error.strerror or "it cannot be read"
        raise OSError(f"PULSE_SMTP_CA_FILE={ca_file} is no PEM file with certificates: {why}") from None


def _cannot_carry(session: SmtpSession, email: BuiltEmail) -> Outcome | None:
    if session.size_limit is not None and len(email.content) > session.size_limit:
        return permanent("EMAIL_TOO_LARGE", f"the mail server takes at most {session.size_limit} bytes")
    if email.utf8 and not session.utf8:
        return permanent("SMTPUTF8_NOT_OFFERED", "the mail server takes no addresses outside ASCII")
    return None


def _refused_copy(email: BuiltEmail, number: int, code: int) -> Decision:
    return Decision("copy", "REFUSED", f"{email.place(number)}: the mail server refused its recipient ({code})")


def _outcome(reply: Reply) -> Outcome:
    queue_id = reply.text.rpartition(" ")[2][:100] if reply.code == 250 else ""
    outcome = replies.classify(reply.step, reply.code, reply.text, queue_id)
    if outcome.cause is Cause.CONFIGURATION:
        log.warning("smtp_refuses_pulse", code=outcome.code, why=outcome.message)
    return outcome
