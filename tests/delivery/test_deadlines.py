"""Every call ends at its deadline and reads a bounded answer, whatever the provider does to hold it."""

from __future__ import annotations

import gzip
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from services.delivery.config import DeliverySettings
from services.delivery.providers.base.http_provider import HttpProvider
from services.delivery.providers.fcm.provider import FcmProvider
from services.delivery.providers.ses.provider import SesProvider
from services.delivery.providers.smtp.provider import SmtpProvider
from services.delivery.providers.sns.provider import SnsProvider
from services.delivery.providers.twilio.provider import TwilioProvider
from services.delivery.providers.webhook.provider import WebhookProvider
from services.delivery.rules.provider import Outcome, OutcomeKind
from services.sandbox.http.certificate import tls_context
from shared.clock import SystemClock
from tests.delivery.in_a_loop import InALoop
from tests.delivery.outgoing import outgoing, within
from tests.delivery.test_webhook import SECRET
from tests.support.dripping import Peer, dripping

#: The deadline of each call, and how much later it may end on a machine with much to do, s: no drip ends that soon.
CALL_S = 1.5
LATE_S = 3.0

#: More than the kernel takes on behalf of a peer that does not read, and time to build it.
LARGE = ("some words " * 6 + "\n") * 70_000
LARGE_CALL_S = 3.0

CERTAIN, OPEN, OK = OutcomeKind.TRANSIENT_FAILURE, OutcomeKind.UNANSWERED, OutcomeKind.SUCCEEDED
Talk = Callable[[Peer], None]


class Kind(NamedTuple):
    """A provider that speaks HTTP: its settings for an address, and whom it sends to."""

    made: type[HttpProvider[Any]]
    settings: Callable[[str], dict[str, str]]
    to: str


AWS = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
HTTP = {
    "webhook": Kind(WebhookProvider, lambda url: {"webhook_url": url, "webhook_secret": SECRET}, "ada@example.org"),
    "twilio": Kind(
        TwilioProvider,
        lambda url: {
            "twilio_base_url": url,
            "twilio_account_sid": "AC1",
            "twilio_auth_token": "token",
            "twilio_from": "+15005550006",
        },
        "+4915112345678",
    ),
    "ses": Kind(SesProvider, lambda url: {"ses_base_url": url, "ses_region": "eu-west-1", **AWS}, "ada@example.org"),
    "sns": Kind(SnsProvider, lambda url: {"sns_base_url": url, "sns_region": "eu-west-1", **AWS}, "+4915112345678"),
    "fcm": Kind(FcmProvider, lambda url: {"fcm_base_url": url}, "device"),
}


def provider(name: str, url: str) -> Any:
    kind = HTTP[name]
    return InALoop(kind.made.from_settings(DeliverySettings(**kind.settings(url)), SystemClock()))  # type: ignore[attr-defined]


def timed(made: Any, seconds: float = CALL_S, **given: Any) -> Outcome:
    """The outcome of one call, which ends in time."""
    began = time.monotonic()
    outcome: Outcome = made.send(outgoing(**given), within(seconds))
    took = time.monotonic() - began
    made.close()
    assert took < seconds + LATE_S
    return outcome


def at_once(
    cases: Iterable[str], opened: Callable[[str], AbstractContextManager[Any]], to: str = "ada@example.org"
) -> dict[str, OutcomeKind]:
    """How a call by the provider of each case ends, all at the same time: each is little but waiting."""
    with ExitStack() as stack, ThreadPoolExecutor(32) as threads:
        providers = {case: stack.enter_context(opened(case)) for case in cases}
        ended = {case: threads.submit(timed, made, to=to) for case, made in providers.items()}
        return {case: future.result().kind for case, future in ended.items()}


def asked(talk: Talk) -> Talk:
    """First gives an access token to whom asks for one, then does ``talk`` about the request."""

    def first(peer: Peer) -> None:
        token = b'{"access_token": "t", "expires_in": 3600, "token_type": "Bearer"}'
        while b"/token" in (heard := peer.hear_head()):
            peer.hear_body(heard)
            peer.say(b"HTTP/1.1 200 OK", b"Content-Type: application/json", b"Content-Length: %d" % len(token), b"")
            peer.connection.sendall(token)
        peer.hear_body(heard)
        talk(peer)

    return first


def head(peer: Peer, *lines: bytes) -> None:
    peer.say(b"HTTP/1.1 200 OK", *lines)


def endless_chunks(peer: Peer) -> None:
    head(peer, b"Transfer-Encoding: chunked", b"")
    peer.drip(b"1\r\na\r\n")


def slow_body(peer: Peer) -> None:
    head(peer, b"Content-Length: 1000", b"")
    peer.drip_bytes(b"{" + b" " * 999)


def body_without_length(peer: Peer) -> None:
    head(peer, b"")
    peer.drip(b" ")


DRIPS = {
    "status line": lambda peer: peer.drip_bytes(b"HTTP/1.1 200 OK and more"),
    "one header": lambda peer: (head(peer), peer.drip_bytes(b"X-Header: aaa")),
    "headers": lambda peer: (head(peer), peer.drip(b"X-Header: a\r\n")),
    "interim answers": lambda peer: peer.drip(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": slow_body,
    "chunks": endless_chunks,
    "body without a length": body_without_length,
}


#: To a webhook's receiver the status is the answer; all others have to say the id that they gave.
WHERE_THE_STATUS_IS_ENOUGH = ("body", "chunks", "body without a length")


@pytest.mark.parametrize("name", HTTP)
def test_an_http_answer_that_drips_ends_the_call_at_its_deadline(name: str) -> None:
    @contextmanager
    def opened(drip: str) -> Iterator[Any]:
        with dripping(asked(DRIPS[drip])) as port:
            yield provider(name, f"http://127.0.0.1:{port}")

    enough = WHERE_THE_STATUS_IS_ENOUGH if name == "webhook" else ()
    assert at_once(DRIPS, opened, HTTP[name].to) == {drip: OK if drip in enough else OPEN for drip in DRIPS}


def test_an_access_token_that_drips_ends_the_call_before_a_push_went_out() -> None:
    @contextmanager
    def opened(drip: str) -> Iterator[Any]:
        with dripping(lambda peer: (peer.hear_request(), DRIPS[drip](peer))) as port:
            yield provider("fcm", f"http://127.0.0.1:{port}")

    assert at_once(DRIPS, opened, "device") == dict.fromkeys(DRIPS, CERTAIN)


@pytest.mark.parametrize("name", HTTP)
def test_a_tls_handshake_that_drips_ends_the_call_before_anything_went_out(name: str) -> None:
    with dripping(lambda peer: peer.drip_bytes(b"\x16\x03\x03\x40\x00" + b"\x02")) as port:
        assert timed(provider(name, f"https://127.0.0.1:{port}"), to=HTTP[name].to).kind is CERTAIN


@pytest.mark.parametrize(("name", "body"), [("webhook", LARGE[:900_000]), ("ses", LARGE)])
def test_a_peer_that_hardly_reads_ends_the_call_at_its_deadline(name: str, body: str) -> None:
    with dripping(Peer.sip) as port:
        outcome = timed(provider(name, f"http://127.0.0.1:{port}"), LARGE_CALL_S, to=HTTP[name].to, body=body)
    assert outcome.kind is OPEN


BOMB = gzip.compress(b" " * 64 * 1024 * 1024)


@pytest.mark.parametrize("name", sorted(HTTP.keys() - {"webhook"}))
@pytest.mark.parametrize(
    "talk",
    [
        lambda peer: (head(peer, b"Content-Length: 9000000000", b""), peer.pour(b" " * 65536)),
        lambda peer: (head(peer, b"Transfer-Encoding: chunked", b""), peer.pour(b"1000\r\n" + b" " * 4096 + b"\r\n")),
        lambda peer: (head(peer, b"Content-Encoding: gzip", b"Content-Length: %d" % len(BOMB), b""), peer.pour(BOMB)),
        lambda peer: (head(peer), peer.pour(b"X-Header: a\r\n")),
        lambda peer: (head(peer), peer.pour(b"X-Header: " + b"a" * 65536)),
        lambda peer: peer.pour(b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["body", "chunks", "small body that unpacks to a large one", "headers", "header", "interim answers"],
)
def test_no_more_than_a_bounded_answer_is_read(name: str, talk: Talk) -> None:
    with dripping(asked(talk)) as port:
        made = provider(name, f"http://127.0.0.1:{port}")
        began = time.monotonic()
        outcome = made.send(outgoing(HTTP[name].to), within(20))
        made.close()
    assert outcome.kind is OPEN
    assert time.monotonic() - began < 10, "its size ends it, not its time"


ENVELOPE = ((b"MAIL", b"250 ok"), (b"RCPT", b"250 ok"), (b"DATA", b"354 go"))


def smtp(*before: tuple[bytes, bytes], then: Talk) -> Talk:
    """Greets, answers the commands in ``before`` as said there, and does ``then`` after the next."""

    def talk(peer: Peer) -> None:
        peer.say(b"220 hi")
        for command, reply in before:
            assert peer.hear().startswith(command)
            peer.say(reply)
        peer.hear()
        then(peer)

    return talk


def said(text: bytes) -> Talk:
    return lambda peer: peer.drip_bytes(text)


HELLO = (b"ehlo", b"250 hi")
SLOW_REPLIES = {
    "greeting": (lambda peer: peer.drip_bytes(b"220 hi and welcome"), CERTAIN),
    "greeting of many lines": (lambda peer: peer.drip(b"220-hi\r\n"), CERTAIN),
    "greeting without an end": (lambda peer: peer.pour(b"220-" + b"a" * 500 + b"\r\n"), CERTAIN),
    "hello": (smtp(then=said(b"250 hi and welcome")), CERTAIN),
    "hello of many lines": (smtp(then=lambda peer: peer.drip(b"250-SIZE\r\n")), CERTAIN),
    "sender": (smtp(HELLO, then=said(b"250 ok and more")), CERTAIN),
    "recipient": (smtp(HELLO, ENVELOPE[0], then=said(b"250 ok and more")), CERTAIN),
    "data": (smtp(HELLO, *ENVELOPE[:2], then=said(b"354 go ahead")), CERTAIN),
    "end of data": (smtp(HELLO, *ENVELOPE, then=said(b"250 queued as abc")), OPEN),
    "end of data of many lines": (smtp(HELLO, *ENVELOPE, then=lambda peer: peer.drip(b"250-queued\r\n")), OPEN),
    "several commands at once": (smtp((b"ehlo", b"250-hi\r\n250 PIPELINING"), then=said(b"250 ok ...")), CERTAIN),
    "starttls": (smtp((b"ehlo", b"250-hi\r\n250 STARTTLS"), then=said(b"220 go on")), CERTAIN),
    "handshake": (
        smtp(
            (b"ehlo", b"250-hi\r\n250 STARTTLS"),
            then=lambda peer: (peer.say(b"220 go"), peer.drip(b"\x16\x03\x03\x40")),
        ),
        CERTAIN,
    ),
    "login": (smtp((b"ehlo", b"250-hi\r\n250 AUTH PLAIN LOGIN"), then=said(b"235 welcome")), CERTAIN),
    "challenges": (
        smtp((b"ehlo", b"250-hi\r\n250 AUTH CRAM-MD5"), then=lambda peer: peer.drip(b"334 PDEyMz4=\r\n")),
        CERTAIN,
    ),
}


@contextmanager
def mail_server(talk: Talk, **settings: Any) -> Iterator[InALoop]:
    with dripping(talk) as port:
        values = {"smtp_host": "127.0.0.1", "smtp_port": port, **settings}
        yield InALoop(SmtpProvider.from_settings(DeliverySettings(**values), SystemClock()))


def test_a_mail_server_that_drips_ends_the_call_at_its_deadline() -> None:
    def opened(reply: str) -> AbstractContextManager[InALoop]:
        login = {"smtp_username": "ada", "smtp_password": "secret"} if reply in ("login", "challenges") else {}
        tls = {"smtp_tls": "starttls"} if reply in ("starttls", "handshake") else {}
        return mail_server(SLOW_REPLIES[reply][0], **login, **tls)

    assert at_once(SLOW_REPLIES, opened) == {reply: kind for reply, (_, kind) in SLOW_REPLIES.items()}


def test_a_call_that_begins_just_before_its_deadline_ends_at_it_too() -> None:
    with mail_server(said(b"220 hi and welcome")) as made:
        assert timed(made, 0.05).kind is CERTAIN


def test_a_mail_server_that_hardly_reads_ends_the_call_at_its_deadline() -> None:
    def talk(peer: Peer) -> None:
        smtp(HELLO, *ENVELOPE[:2], then=lambda peer: peer.say(b"354 go"))(peer)
        peer.sip()

    with mail_server(talk) as made:
        assert timed(made, LARGE_CALL_S, body=LARGE).kind is CERTAIN  # its end was not sent


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """A server's context, and the certificate to trust."""
    folder = tmp_path_factory.mktemp("tls")
    return tls_context(folder), folder / "smtp.crt"


@pytest.mark.parametrize(
    ("talk", "body", "kind"),
    [
        (lambda peer: peer.drip_bytes(b"220 hi and welcome"), LARGE, CERTAIN),
        (smtp(HELLO, *ENVELOPE, then=said(b"250 queued as abc")), "Hello.", OPEN),
        (smtp(HELLO, *ENVELOPE[:2], then=lambda peer: (peer.say(b"354 go"), peer.sip())), LARGE, CERTAIN),
    ],
    ids=["greeting", "end of data", "hardly reads"],
)
def test_inside_tls_a_mail_server_cannot_hold_a_call_either(
    tls: tuple[ssl.SSLContext, Path], talk: Talk, body: str, kind: OutcomeKind
) -> None:
    context, certificate = tls
    with dripping(talk, context) as port:
        settings = DeliverySettings(
            smtp_host="localhost", smtp_port=port, smtp_tls="implicit", smtp_ca_file=str(certificate)
        )
        made = InALoop(SmtpProvider.from_settings(settings, SystemClock()))
        assert timed(made, LARGE_CALL_S, body=body).kind is kind


def test_inside_tls_an_http_answer_cannot_hold_a_call_either(tls: tuple[ssl.SSLContext, Path]) -> None:
    context, certificate = tls

    @contextmanager
    def opened(drip: str) -> Iterator[Any]:
        with dripping(asked(DRIPS[drip]), context) as port:
            made = provider("webhook", f"https://localhost:{port}")
            made.provider._http._tls.load_verify_locations(certificate)
            yield made

    assert at_once(DRIPS, opened) == {drip: OK if drip in WHERE_THE_STATUS_IS_ENOUGH else OPEN for drip in DRIPS}
