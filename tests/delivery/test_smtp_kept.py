"""A kept connection that fails is replaced while there is time for another; then what came first is the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from services.delivery.config import DeliverySettings
from services.delivery.providers.smtp import provider
from services.delivery.providers.smtp.provider import SmtpProvider
from services.delivery.rules.provider import OutcomeKind
from shared.clock import SystemClock
from tests.delivery.in_a_loop import InALoop
from tests.delivery.outgoing import outgoing, within
from tests.support.dripping import Peer, dripping
from tests.support.servers import wait_until

REPLIES = {b"MAIL": b"250 ok", b"RCPT": b"250 ok", b"DATA": b"354 go"}
Fails = Callable[[Peer], None]


def silent(peer: Peer) -> None:
    """Takes all and says nothing more."""
    while peer.connection.recv(4096):
        pass


def dripping_reply(peer: Peer) -> None:
    peer.drip(b"250-ok\r\n")


def leaving(peer: Peer) -> None:
    peer.say(b"421 4.3.2 shutting down")


def hanging_up(_: Peer) -> None:
    """Returning closes the connection."""


@contextmanager
def kept(at: bytes, fails: Fails, *, pipelining: bool = False) -> Iterator[tuple[InALoop, list[Peer]]]:
    """A provider with a connection that carried one email and fails the next at a command; the server's connections."""
    peers: list[Peer] = []

    def talk(peer: Peer) -> None:
        peers.append(peer)
        peer.say(b"220 hi")
        peer.hear()
        peer.say(b"250-hi\r\n250 PIPELINING" if pipelining else b"250 hi")
        while True:
            for command, reply in REPLIES.items():
                if not peer.hear().startswith(command):  # the test is over
                    return
                if len(peers) == 1 and emails and command == at:
                    fails(peer)
                    return
                peer.say(reply)
            peer.hear(b"\r\n.\r\n")
            emails.append(peer)
            peer.say(b"250 queued")

    emails: list[Peer] = []
    with dripping(talk) as port:
        settings = DeliverySettings(smtp_host="127.0.0.1", smtp_port=port)
        made = InALoop(SmtpProvider.from_settings(settings, SystemClock()))
        assert made.send(outgoing(), within()).kind is OutcomeKind.SUCCEEDED
        yield made, peers
        made.close()


@pytest.mark.parametrize("pipelining", [False, True], ids=["one by one", "pipelining"])
@pytest.mark.parametrize("fails", [silent, dripping_reply])
@pytest.mark.parametrize("at", REPLIES)
def test_a_kept_connection_that_takes_all_the_time_is_not_replaced(at: bytes, fails: Fails, pipelining: bool) -> None:
    with kept(at, fails, pipelining=pipelining) as (made, peers):
        outcome = made.send(outgoing(), within(0.5))
        assert (outcome.kind, outcome.code) == (OutcomeKind.TRANSIENT_FAILURE, "SMTP_CONNECTION_LOST")
        assert "before the content" in outcome.message
        assert len(peers) == 1


@pytest.mark.parametrize(("fails", "code"), [(leaving, "421"), (hanging_up, "SMTP_CONNECTION_LOST")])
@pytest.mark.parametrize("at", REPLIES)
def test_with_no_time_for_another_connection_what_came_first_is_told(
    monkeypatch: pytest.MonkeyPatch, at: bytes, fails: Fails, code: str
) -> None:
    monkeypatch.setattr(provider, "REPLACING_SECONDS", 60.0)
    with kept(at, fails) as (made, peers):
        outcome = made.send(outgoing(), within())
        assert (outcome.kind, outcome.code) == (OutcomeKind.TRANSIENT_FAILURE, code)
        assert len(peers) == 1


@pytest.mark.parametrize("fails", [leaving, hanging_up])
@pytest.mark.parametrize("at", REPLIES)
def test_with_time_for_another_connection_the_email_arrives(at: bytes, fails: Fails) -> None:
    with kept(at, fails) as (made, peers):
        assert made.send(outgoing(), within()).kind is OutcomeKind.SUCCEEDED
        assert len(peers) == 2


def test_a_server_that_took_its_leave_meanwhile_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Known before the next email: it needs no time to be replaced."""
    monkeypatch.setattr(provider, "REPLACING_SECONDS", 60.0)
    with kept(b"", silent) as (made, peers):
        peers[0].say(b"421 4.4.2 idle for too long")
        [session] = made.provider._idle
        wait_until(lambda: not session.is_quiet)
        assert made.send(outgoing(), within()).kind is OutcomeKind.SUCCEEDED
        assert len(peers) == 2


@pytest.mark.parametrize("pipelining", [False, True], ids=["one by one", "pipelining"])
def test_an_email_whose_time_is_up_before_a_word_of_it_is_certain_not_to_have_gone(pipelining: bool) -> None:
    """The email before it went over the same connection to its end."""
    with kept(b"", silent, pipelining=pipelining) as (made, peers):
        outcome = made.send(outgoing(), within(-1.0))
        assert (outcome.kind, outcome.code) == (OutcomeKind.TRANSIENT_FAILURE, "SMTP_CONNECTION_LOST")
        assert made.send(outgoing(), within()).kind is OutcomeKind.SUCCEEDED
        assert len(peers) == 2
