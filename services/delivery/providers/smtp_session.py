"""One connection to a mail server, used for many emails."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
import struct
import sys
import time
from dataclasses import dataclass

from services.delivery.providers.email_building import BuiltEmail
from services.delivery.providers.smtp_replies import Phase

_CRLF = b"\r\n"
#: A time-out that differs by less from the one in force is not worth a system call, s.
_SAME_TIMEOUT = 0.1


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where and how to connect."""

    host: str
    port: int
    tls: str  # none, starttls or implicit
    context: ssl.SSLContext | None
    username: str
    password: str
    local_name: str  # said in EHLO


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply that decided, and the phase it was given in."""

    phase: Phase
    code: int  # -1: not SMTP
    text: str


class ConnectionLost(Exception):
    """The connection broke, or the time was up; ``phase`` says how far the email had come."""

    def __init__(self, phase: Phase) -> None:
        super().__init__(phase.value)
        self.phase = phase


class SmtpSession:
    """Sends emails over one connection. Not for several threads at once.

    Raises :class:`ConnectionLost`; after that, and when ``usable`` is false, the session is to be closed.
    """

    def __init__(self, client: smtplib.SMTP) -> None:
        self._client = client
        self._pipelining = client.has_extn("pipelining")
        self._timeout = 0.0
        self.utf8 = client.has_extn("smtputf8")
        size = client.esmtp_features.get("size", "")
        self.size_limit = int(size) if size.isdigit() and int(size) > 0 else None  # bytes; RFC 1870
        self.sent = 0
        self.last_used = time.monotonic()
        self.usable = True

    @classmethod
    def connect(cls, server: MailServer, deadline: float) -> SmtpSession:
        """Connects, greets, encrypts and logs in before ``deadline`` (monotonic).

        Raises OSError, which smtplib's errors are too, one with ``smtp_code`` if the server refused.
        """
        client = _open(server, _left(deadline))
        try:
            _socket(client).setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.ehlo_or_helo_if_needed()
            if server.tls == "starttls":
                _socket(client).settimeout(_left(deadline))
                _accepted(client.starttls(context=server.context))
                client.ehlo()
            if server.username:
                _socket(client).settimeout(_left(deadline))
                client.login(server.username, server.password)
        except BaseException:
            client.close()
            raise
        return cls(client)

    def send(self, email: BuiltEmail, deadline: float) -> Reply:
        """Hands one email over; the reply of the server that decided its fate."""
        self.last_used = time.monotonic()
        self.sent += 1
        refusal = self._envelope(email, deadline)
        if refusal is not None:
            return refusal
        return self._content(email.content, deadline)

    def close(self) -> None:
        """Hangs up."""
        self.usable = False
        with contextlib.suppress(OSError):
            self._client.close()

    def _envelope(self, email: BuiltEmail, deadline: float) -> Reply | None:
        """MAIL, RCPT and DATA, in one go where the server takes it (RFC 2920); the refusal if there is one."""
        options = f" SIZE={len(email.content)}" if self.size_limit is not None else ""
        options += " SMTPUTF8" if email.utf8 else ""
        commands = [f"MAIL FROM:<{email.sender}>{options}", f"RCPT TO:<{email.recipient}>", "DATA"]
        encoded = [command.encode("utf-8" if email.utf8 else "ascii") + _CRLF for command in commands]
        refusal: Reply | None = None
        for group in [encoded] if self._pipelining else [[command] for command in encoded]:
            replies = self._exchange(group, deadline, Phase.ENVELOPE)
            refusal = next((reply for reply in replies if reply.code not in (250, 251, 354)), None)
            if refusal is not None:
                break
        if refusal is not None:
            # DATA may have been accepted after a refused recipient, and a reset costs as much as a new connection.
            self.usable = False
        return refusal

    def _content(self, content: bytes, deadline: float) -> Reply:
        stuffed = content.replace(b"\r\n.", b"\r\n..")
        stuffed = b"." + stuffed if stuffed.startswith(b".") else stuffed
        end = b".\r\n" if stuffed.endswith(_CRLF) else b"\r\n.\r\n"
        reply = self._exchange([stuffed + end], deadline, Phase.CONTENT)[0]
        self.usable = reply.code not in (-1, 421)
        return reply

    def _exchange(self, commands: list[bytes], deadline: float, phase: Phase) -> list[Reply]:
        """Sends commands and reads one reply to each."""
        replies = []
        try:
            self._limit(_left(deadline))
            self._client.send(b"".join(commands))
            for _ in commands:
                code, text = self._client.getreply()
                replies.append(Reply(phase, code, text.decode("ascii", "replace")))
                if code in (-1, 421):
                    break
        except smtplib.SMTPResponseException as error:  # a reply line that is too long
            self.usable = False
            return [*replies, Reply(phase, -1, str(error.smtp_code))]
        except OSError:  # smtplib's own errors and time-outs are such
            self.usable = False
            raise ConnectionLost(phase) from None
        return replies

    def _limit(self, seconds: float) -> None:
        """Bounds every wait from here on.

        A Python socket with a time-out polls before each read, and hands the interpreter over twice. The kernel's own
        time-out spares that; under TLS, where OpenSSL would read again for ever, and elsewhere Python's has to do.
        """
        if abs(seconds - self._timeout) < _SAME_TIMEOUT:
            return
        self._timeout = seconds
        connection = _socket(self._client)
        if sys.platform != "linux" or isinstance(connection, ssl.SSLSocket):
            connection.settimeout(seconds)
            return
        timeval = struct.pack("ll", *divmod(max(int(seconds * 1e6), 1), 1_000_000))  # 0 would mean for ever
        connection.settimeout(None)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval)


def _open(server: MailServer, timeout: float) -> smtplib.SMTP:
    if server.tls == "implicit":
        return smtplib.SMTP_SSL(server.host, server.port, server.local_name, timeout=timeout, context=server.context)
    return smtplib.SMTP(server.host, server.port, server.local_name, timeout=timeout)


def _socket(client: smtplib.SMTP) -> socket.socket:
    if client.sock is None:
        raise smtplib.SMTPServerDisconnected("closed")
    return client.sock


def _accepted(reply: tuple[int, bytes]) -> None:
    if reply[0] != 220:
        raise smtplib.SMTPResponseException(*reply)


def _left(deadline: float) -> float:
    """Seconds until ``deadline``; raises TimeoutError if there are none (a time-out of 0 would mean non-blocking)."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
