"""Opening a connection to a mail server: where it fails, at whatever step, no socket is left behind."""

from __future__ import annotations

import contextlib
import ssl
import threading
from pathlib import Path

import pytest

from services.delivery.providers.base.bounded_sockets import bounded_tls
from services.delivery.providers.base.call import calling
from services.delivery.providers.smtp.opening import MailServer, NotOpened, open_connection
from services.delivery.providers.smtp.steps import Step
from services.sandbox.http.certificate import tls_context
from tests.delivery.outgoing import within
from tests.support.dripping import Peer, dripping

HI, HELLO, GO = b"220 hi", b"250 hi", b"220 go"
STARTTLS = b"250-hi\r\n250 STARTTLS"
#: More than is read of one answer.
ENDLESS = (b"250-" + b"a" * 500 + b"\r\n") * 3000

#: What the server says, the first at once and each other to what it hears, and the step at which that ends.
IN_THE_CLEAR: dict[str, tuple[list[bytes], Step]] = {
    "a greeting that refuses": ([b"554 go away"], Step.GREETING),
    "a greeting that is not SMTP": ([b"hello"], Step.GREETING),
    "a greeting in a line too long": ([b"220 " + b"a" * 9000], Step.GREETING),
    "a greeting without an end": ([ENDLESS], Step.GREETING),
    "a hello refused": ([HI, b"550 no", b"550 no"], Step.EHLO),
    "a hello that is not SMTP": ([HI, b"hello"], Step.EHLO),
    "a hello without an end": ([HI, ENDLESS], Step.EHLO),
    "no STARTTLS": ([HI, HELLO], Step.STARTTLS),
    "STARTTLS refused": ([HI, STARTTLS, b"454 not now"], Step.STARTTLS),
    "no TLS after it": ([HI, STARTTLS, GO, b"hello"], Step.STARTTLS),
}
#: What it says inside TLS, each to what it hears.
INSIDE_TLS: dict[str, tuple[list[bytes], Step]] = {
    "a hello refused": ([b"550 no", b"550 no"], Step.EHLO),
    "a hello that is not SMTP": ([b"hello"], Step.EHLO),
    "a hello without an end": ([ENDLESS], Step.EHLO),
    "no login": ([HELLO], Step.AUTH),
    "no login that is known": ([b"250-hi\r\n250 AUTH XOAUTH2"], Step.AUTH),
    "a login refused": ([b"250-hi\r\n250 AUTH PLAIN", b"535 no"], Step.AUTH),
    "a login that is not SMTP": ([b"250-hi\r\n250 AUTH PLAIN", b"hello"], Step.AUTH),
}


class Server:
    """A mail server's side of one connection; takes note when the client has hung up."""

    def __init__(self, certificates: Path, mode: str) -> None:
        self.in_the_clear: list[bytes] = []
        self.inside_tls: list[bytes] = []
        self._tls = tls_context(certificates)
        self._trust = bounded_tls(ssl.create_default_context(cafile=certificates / "smtp.crt"))
        self._mode = mode
        self._hung_up = threading.Event()

    def refuses_at(self) -> Step:
        """The step at which a connection does not come about; fails where its socket then stays open."""
        with dripping(self._talk, self._tls if self._mode == "implicit" else None) as port:
            server = MailServer("localhost", port, self._mode, self._trust, "ada", "secret", "pulse.test")
            with calling(within(5)), pytest.raises(NotOpened) as failed:
                open_connection(server)
            # Its traceback is alive: what hangs up here does not wait to be collected as garbage.
            assert self._hung_up.wait(5)
            return failed.value.step

    def _talk(self, peer: Peer) -> None:
        connection = peer.connection
        with contextlib.suppress(OSError):  # a reset, where not all was read that was said
            for place, reply in enumerate(self.in_the_clear):
                if place > 0:
                    connection.recv(4096)
                connection.sendall(reply + b"\r\n")
            if self.inside_tls and self._mode == "starttls":
                connection = self._tls.wrap_socket(connection, server_side=True)
            for reply in self.inside_tls:
                connection.recv(4096)
                connection.sendall(reply + b"\r\n")
            while connection.recv(4096):
                pass
        self._hung_up.set()


@pytest.mark.parametrize(("said", "step"), IN_THE_CLEAR.values(), ids=IN_THE_CLEAR)
def test_what_fails_in_the_clear_leaves_no_socket(tmp_path: Path, said: list[bytes], step: Step) -> None:
    server = Server(tmp_path, "starttls")
    server.in_the_clear = said
    assert server.refuses_at() is step


@pytest.mark.parametrize("mode", ["starttls", "implicit"])
@pytest.mark.parametrize(("said", "step"), INSIDE_TLS.values(), ids=INSIDE_TLS)
def test_what_fails_inside_tls_leaves_no_socket(tmp_path: Path, mode: str, said: list[bytes], step: Step) -> None:
    server = Server(tmp_path, mode)
    server.in_the_clear = [HI, STARTTLS, GO] if mode == "starttls" else [HI]
    server.inside_tls = said
    assert server.refuses_at() is step
