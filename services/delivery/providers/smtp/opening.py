"""Opening a connection to a mail server: greeting, encryption, login."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

from services.delivery.providers.base.bounded_sockets import connect
from services.delivery.providers.smtp.login import NoCommonMethod, log_in
from services.delivery.providers.smtp.steps import Step


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


class NotOpened(Exception):
    """There is no connection that could carry an email: the step at which it failed, and why."""

    def __init__(self, step: Step, reason: Exception) -> None:
        super().__init__(step.name)
        self.step = step
        self.reason = reason


class StartTlsNotOffered(Exception):
    """The connection is to be encrypted, and the server does not offer it."""


def open_connection(server: MailServer) -> smtplib.SMTP:
    """Connects, greets, encrypts and logs in, within a call; raises :class:`NotOpened`."""
    connection = _connected(server)
    client: smtplib.SMTP | None = None
    try:
        with _at(Step.GREETING):
            client = _Client(connection, server)
        _say_hello(client)
        if server.tls == "starttls":
            _encrypt(client, server)
        if server.username:
            with _at(Step.AUTH):
                log_in(client, server.username, server.password)
    except BaseException:
        (client or connection).close()  # STARTTLS puts another socket in the connection's place
        raise
    return client


class _Client(smtplib.SMTP):
    """The standard library's, over a connection that is there already: so it is known what failed."""

    def __init__(self, connection: socket.socket, server: MailServer) -> None:
        self._connection = connection
        super().__init__(server.host, server.port, server.local_name)

    def _get_socket(self, _host: str, _port: int, _timeout: float) -> socket.socket:
        return self._connection


def _connected(server: MailServer) -> socket.socket:
    with _at(Step.CONNECT):
        connection = connect(server.host, server.port)
    try:
        if server.tls == "implicit" and server.context is not None:
            with _at(Step.STARTTLS):
                return server.context.wrap_socket(connection, server_hostname=server.host)
    except BaseException:
        connection.close()
        raise
    return connection


def _say_hello(client: smtplib.SMTP) -> None:
    """EHLO; HELO where the server does not take that."""
    with _at(Step.EHLO):
        code, text = client.ehlo()
        if 500 <= code <= 599:
            code, text = client.helo()
        if not 200 <= code <= 299:
            raise smtplib.SMTPHeloError(code, text)


def _encrypt(client: smtplib.SMTP, server: MailServer) -> None:
    with _at(Step.STARTTLS):
        if not client.has_extn("starttls"):
            raise StartTlsNotOffered
        client.starttls(context=server.context)
    _say_hello(client)


@contextlib.contextmanager
def _at(step: Step) -> Iterator[None]:
    """Says of a failure inside that it was at ``step``; smtplib's errors are OSErrors, a name can be no host's."""
    try:
        yield
    except (OSError, UnicodeError, NoCommonMethod, StartTlsNotOffered) as error:
        raise NotOpened(step, error) from error
