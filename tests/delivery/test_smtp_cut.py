"""A connection that breaks while the content goes out: without its final dot nobody has taken the email over."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from services.delivery.config import DeliverySettings
from services.delivery.providers.smtp.provider import SmtpProvider
from services.delivery.rules.provider import Outcome, OutcomeKind
from services.sandbox.http.certificate import tls_context
from shared.clock import SystemClock
from tests.delivery.in_a_loop import InALoop
from tests.delivery.outgoing import outgoing, within
from tests.support.dripping import Peer, dripping

#: More than any kernel keeps for a peer that does not read.
LARGE = "All work and no play makes Jack a dull boy.\n" * 200_000
SMALL = "Hello.\n"
Fails = Callable[[Peer], None]


def hanging_up(_: Peer) -> None:
    """Returning closes the connection; what came and was not read makes a reset of it."""


def taking_a_part(peer: Peer) -> None:
    for _ in range(20):
        peer.connection.recv(4096)


def taking_most(peer: Peer) -> None:
    """All but what kernels hold at the most."""
    taken = 0
    while taken < len(LARGE) // 4:
        taken += len(peer.connection.recv(65536))


def sipping(peer: Peer) -> None:
    """Takes a little at a time, for longer than the email has."""
    peer.sip()


def leaving(peer: Peer) -> None:
    """Says so in the middle, as a server that is shut down does."""
    peer.connection.recv(4096)
    peer.say(b"421 4.3.2 shutting down")


def resetting(peer: Peer) -> None:
    peer.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hanging_up_after_the_dot(peer: Peer) -> None:
    peer.hear(b"\r\n.\r\n")


def silent_after_the_dot(peer: Peer) -> None:
    peer.hear(b"\r\n.\r\n")
    peer.connection.recv(1)


def garbage_after_the_dot(peer: Peer) -> None:
    peer.hear(b"\r\n.\r\n")
    peer.say(b"what?")


def send(fails: Fails, body: str, certificates: Path | None = None) -> tuple[Outcome, int]:
    """What becomes of an email whose content meets ``fails``, inside TLS where there are certificates; and how many
    connections it took."""
    peers: list[Peer] = []

    def talk(peer: Peer) -> None:
        peers.append(peer)
        peer.say(b"220 hi")
        for reply in (b"250 hi", b"250 ok", b"250 ok", b"354 go"):
            peer.hear()
            peer.say(reply)
        fails(peer)

    tls: dict[str, str] = {}
    context: ssl.SSLContext | None = None
    if certificates is not None:
        context = tls_context(certificates)
        tls = {"smtp_tls": "implicit", "smtp_ca_file": str(certificates / "smtp.crt")}
    with dripping(talk, context) as port:
        settings = DeliverySettings(smtp_host="localhost", smtp_port=port, **tls)
        made = InALoop(SmtpProvider.from_settings(settings, SystemClock()))
        outcome = made.send(outgoing(body=body), within(3.0))
        made.close()
    return outcome, len(peers)


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("fails", [hanging_up, resetting, taking_a_part, taking_most, sipping, leaving])
def test_a_content_that_was_cut_off_was_taken_over_by_nobody(fails: Fails, encrypted: bool, tmp_path: Path) -> None:
    outcome, connections = send(fails, LARGE, tmp_path if encrypted else None)
    assert (outcome.kind, outcome.code) == (OutcomeKind.TRANSIENT_FAILURE, "SMTP_CONTENT_CUT")
    assert connections == 1


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("fails", [hanging_up_after_the_dot, silent_after_the_dot, garbage_after_the_dot])
def test_a_content_whose_dot_was_on_its_way_is_open(fails: Fails, encrypted: bool, tmp_path: Path) -> None:
    outcome, _ = send(fails, SMALL, tmp_path if encrypted else None)
    assert outcome.kind is OutcomeKind.UNANSWERED
