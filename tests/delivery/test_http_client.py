"""Requests by HTTP: what is certain of one that failed, what is kept, what the wire carries."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from services.delivery.providers.base.call import Call
from services.delivery.providers.base.http_answer import Answer, NoAnswer, NotSent
from services.delivery.providers.base.http_client import HttpClient, target_of
from services.delivery.providers.base.http_connection import HttpConnection
from services.delivery.providers.base.threads import TooManyHang
from services.sandbox.http.certificate import tls_context
from tests.delivery.outgoing import within
from tests.support import eventually
from tests.support.dripping import Peer, dripping
from tests.support.http_proxy import CountingProxy

Talk = Callable[[Peer], None]
#: What leans on the loop's own ways is held for a worker's loop, and for Python's.
LOOPS = pytest.mark.parametrize("run", [uvloop.run, asyncio.run], ids=["uvloop", "asyncio"])
Run = Callable[[Coroutine[Any, Any, None]], None]


def call(seconds: float = 5.0) -> Call:
    return Call(within(seconds))


def answering(*lines: bytes, body: bytes = b"") -> Talk:
    """Answers every request of a connection so."""

    def talk(peer: Peer) -> None:
        while True:
            peer.hear_request()
            peer.connection.sendall(b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body)

    return talk


async def asked(talk: Talk, times: int = 1, **client: Any) -> tuple[list[Answer], int]:
    """What a server that does ``talk`` answers, and over how many connections."""
    with dripping(talk) as port:
        http = HttpClient(f"http://127.0.0.1:{port}", 4, **client)
        answers = [await http.post(call(), "/x", {}, b"hi") for _ in range(times)]
        await http.close()
    return answers, http.opened


CHUNKS = b"1\r\no\r\n1;x=y\r\nk\r\n0\r\nT: 1\r\n\r\n"
INTERIM = (b"HTTP/1.1 100 Continue", b"", b"HTTP/1.1 103 Early Hints", b"A: 1", b"")
ANSWERS: dict[str, tuple[Talk, Answer, int]] = {
    "a length": (
        answering(b"HTTP/1.1 200 OK", b"Content-Length: 2", body=b"ok"),
        Answer(200, {"content-length": "2"}, b"ok"),
        1,
    ),
    "chunks": (
        answering(b"HTTP/1.1 201 Created", b"Transfer-Encoding: chunked", body=CHUNKS),
        Answer(201, {"transfer-encoding": "chunked", "t": "1"}, b"ok"),
        1,
    ),
    "nothing": (answering(b"HTTP/1.1 204 No Content"), Answer(204, {}, b""), 1),
    "an interim answer first": (
        answering(*INTERIM, b"HTTP/1.1 200 OK", b"B: 2", b"Content-Length: 2", body=b"ok"),
        Answer(200, {"b": "2", "content-length": "2"}, b"ok"),
        1,
    ),
    "a connection that is not to be kept": (
        answering(b"HTTP/1.1 200 OK", b"Connection: close", b"Content-Length: 2", body=b"ok"),
        Answer(200, {"connection": "close", "content-length": "2"}, b"ok"),
        3,
    ),
    "the older version": (
        answering(b"HTTP/1.0 200 OK", b"Content-Length: 2", body=b"ok"),
        Answer(200, {"content-length": "2"}, b"ok"),
        3,
    ),
    "more than was asked for": (
        answering(b"HTTP/1.1 200 OK", b"Content-Length: 2", body=b"okHTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno"),
        Answer(200, {"content-length": "2"}, b"ok"),
        3,
    ),
    "a redirection": (
        answering(b"HTTP/1.1 307 Elsewhere", b"Location: http://127.0.0.1:9/", b"Content-Length: 0"),
        Answer(307, {"location": "http://127.0.0.1:9/", "content-length": "0"}, b""),
        1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_is_read_and_its_connection_kept_where_that_is_safe(name: str) -> None:
    talk, answer, connections = ANSWERS[name]
    answers, opened = await asked(talk, times=3)
    assert answers == [answer] * 3
    assert opened == connections


async def test_an_answer_may_end_with_the_connection() -> None:
    def talk(peer: Peer) -> None:
        peer.hear_request()
        peer.say(b"HTTP/1.1 200 OK", b"")
        peer.connection.sendall(b"ok")

    answers, opened = await asked(talk, times=2)
    assert [answer.body for answer in answers] == [b"ok", b"ok"]
    assert opened == 2


BROKEN: dict[str, tuple[Talk, int | None]] = {
    "silence": (lambda peer: peer.hear_request(), None),
    "garbage": (answering(b"\x00\xff<<< not HTTP >>>"), None),
    "another protocol": (answering(b"HTTP/2 200 OK", b"Content-Length: 0"), None),
    "a head without an end": (lambda peer: (peer.hear_request(), peer.say(b"HTTP/1.1 200 OK")), None),
    "a body that ends too soon": (
        lambda peer: (peer.hear_request(), peer.say(b"HTTP/1.1 200 OK", b"Content-Length: 9", b"", b"ok")),
        200,
    ),
    "chunks that end too soon": (
        lambda peer: (peer.hear_request(), peer.say(b"HTTP/1.1 202 OK", b"Transfer-Encoding: chunked", b"", b"2")),
        202,
    ),
    "two lengths": (answering(b"HTTP/1.1 200 OK", b"Content-Length: 2", b"Content-Length: 3", body=b"ok"), None),
    "another conversation": (answering(b"HTTP/1.1 101 Switch", b"Upgrade: x", b"Connection: upgrade"), None),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
async def test_what_is_no_whole_answer_leaves_it_open_and_its_connection_is_not_used_again(name: str) -> None:
    talk, begun = BROKEN[name]
    with dripping(talk) as port:
        http = HttpClient(f"http://127.0.0.1:{port}", 4)
        for _ in range(2):
            under_way = call()
            with pytest.raises(NoAnswer) as broken:
                await http.post(under_way, "/x", {}, b"hi")
            assert under_way.sent
            assert (broken.value.begun and broken.value.begun.status) == begun
        assert http.opened == 2
        await http.close()


@LOOPS
def test_a_connection_that_the_server_closed_meanwhile_is_not_used_again(run: Run) -> None:
    """Neither one whose end the loop has seen, nor one whose end lies unread in the kernel."""

    async def scene() -> None:
        closed: list[threading.Event] = []

        def talk(peer: Peer) -> None:
            closed.append(threading.Event())
            peer.hear_request()
            peer.say(b"HTTP/1.1 200 OK", b"Content-Length: 0", b"")
            peer.connection.shutdown(socket.SHUT_WR)
            closed[-1].set()

        with dripping(talk) as port:
            http = HttpClient(f"http://127.0.0.1:{port}", 4)
            for number in range(4):
                assert (await http.post(call(), "/x", {}, b"")).status == 200
                assert closed[-1].wait(10)
                if number % 2:
                    await asyncio.sleep(0)
            assert http.opened == 4
            await http.close()

    run(scene())


@pytest.mark.parametrize(("idle", "connections"), [(59.0, 1), (61.0, 2)])
async def test_a_connection_that_was_idle_for_long_is_not_used_again(idle: float, connections: int) -> None:
    """What lies between may have forgotten it without a word."""
    with dripping(answering(b"HTTP/1.1 204 No Content")) as port:
        http = HttpClient(f"http://127.0.0.1:{port}", 4)
        await http.post(call(), "/x", {}, b"")
        [kept] = http._idle
        kept.last_used -= idle
        await http.post(call(), "/x", {}, b"")
        assert http.opened == connections
        assert kept.usable == (connections == 1)
        await http.close()


@LOOPS
@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "tls"])
def test_a_connection_is_not_used_again_where_a_request_may_still_be_on_its_way(
    tmp_path: Path, run: Run, encrypted: bool
) -> None:
    """A server that refuses before it has read all leaves the rest standing, or takes it for another request."""

    async def scene() -> None:
        over = threading.Event()

        def talk(peer: Peer) -> None:
            peer.hear_head()
            peer.say(b"HTTP/1.1 413 Too much", b"Content-Length: 0", b"")
            over.wait(10)

        with dripping(talk, tls_context(tmp_path) if encrypted else None) as port:
            tls = ssl.create_default_context(cafile=str(tmp_path / "smtp.crt")) if encrypted else None
            http = HttpClient(f"http{'s' * encrypted}://localhost:{port}", 4, tls)
            for _ in range(2):
                assert (await http.post(call(), "/x", {}, bytes(8_000_000))).status == 413
            assert http.opened == 2
            await http.close()
            over.set()

    run(scene())


async def not_sent(url: str, seconds: float = 5.0, tls: ssl.SSLContext | None = None) -> str:
    """Why a request to ``url`` fails; no byte of it went out."""
    under_way, http = call(seconds), HttpClient(url, 1, tls)
    with pytest.raises(NotSent) as caught:
        await http.post(under_way, "/", {}, b"x")
    await http.close()
    assert not under_way.sent
    return str(caught.value)


@LOOPS
def test_before_a_connection_stands_nothing_was_sent_and_it_is_told_why(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = socket.getaddrinfo

    def look_up(host: str, *arguments: Any, **options: Any) -> Any:
        return find("127.0.0.1" if host == "another.example" else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    async def scene() -> None:
        with socket.create_server(("127.0.0.1", 0)) as gone:
            refusing = gone.getsockname()[1]
        assert await not_sent(f"http://127.0.0.1:{refusing}") == "nobody takes the connection"
        for unknown in ("no-such-host.invalid", "a" * 64 + ".example"):
            assert await not_sent(f"http://{unknown}") == "its name cannot be resolved"
        with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
            port = full.getsockname()[1]
            with socket.create_connection(("127.0.0.1", port)):  # there is no room for another
                assert await not_sent(f"http://127.0.0.1:{port}", 0.3) == "no connection came about in time"
        with dripping(lambda peer: None, tls_context(tmp_path)) as port:
            assert "certificate is not believed (self-signed" in await not_sent(f"https://localhost:{port}")
        trusting = ssl.create_default_context(cafile=str(tmp_path / "smtp.crt"))
        with dripping(lambda peer: None, tls_context(tmp_path)) as port:
            assert "Hostname mismatch" in await not_sent(f"https://another.example:{port}", tls=trusting)

    run(scene())


@LOOPS
def test_a_server_that_hangs_up_at_once_is_not_waited_for(run: Run) -> None:
    async def scene() -> None:
        with dripping(lambda peer: None) as port:
            http = HttpClient(f"http://127.0.0.1:{port}", 4)
            async with asyncio.timeout(20):
                for _ in range(50):  # it is a race whether the request goes out
                    with pytest.raises((NotSent, NoAnswer)):
                        await http.post(call(60), "/", {}, b"")
            await http.close()

    run(scene())


async def test_a_connection_that_was_lost_before_it_was_used_carries_nothing() -> None:
    with dripping(lambda peer: peer.hear_request()) as port:
        http = HttpClient(f"http://127.0.0.1:{port}", 1)
        under_way = call(60)
        opened = http._new

        async def lost(given: Call) -> HttpConnection:
            connection = await opened(given)
            connection.close()
            await eventually(lambda: not connection.usable)
            return connection

        http._new = lost  # type: ignore[method-assign]
        with pytest.raises(NotSent):
            await http.post(under_way, "/", {}, b"")
        assert not under_way.sent


async def test_after_its_deadline_nothing_is_sent() -> None:
    with dripping(answering(b"HTTP/1.1 200 OK", b"Content-Length: 0")) as port:
        http = HttpClient(f"http://127.0.0.1:{port}", 1)
        assert (await http.post(call(), "/", {}, b"")).status == 200
        with pytest.raises(NotSent):
            await http.post(call(-1), "/", {}, b"")
        assert (await http.post(call(), "/", {}, b"")).status == 200
        assert http.opened == 1, "it was kept"
        await http.close()


async def test_a_call_that_is_cancelled_takes_its_connection_with_it() -> None:
    with dripping(lambda peer: (peer.hear_request(), peer.sip())) as port:
        http = HttpClient(f"http://127.0.0.1:{port}", 4)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await http.post(call(), "/", {}, b"")
        assert http._kept() is None
        await http.close()


HEADERS = [
    {"X": "a\r\nY: b"}, {"X": "a\nb"}, {"X": "a\rb"}, {"X": "a\0b"}, {"X": "a\x7f"},
    {"X\r\nY": "b"}, {"X: a": "b"}, {"": "b"}, {"X ": "b"}, {"X": "☃"},
]  # fmt: skip


@pytest.mark.parametrize("headers", HEADERS, ids=repr)
async def test_text_never_begins_a_header_of_its_own(headers: dict[str, str]) -> None:
    under_way = call()
    with pytest.raises(ValueError):
        await HttpClient("http://127.0.0.1:9", 1).post(under_way, "/", headers, b"")
    assert not under_way.sent


@pytest.mark.parametrize("target", ["", "x", "/a b", "/a\r\nb", "/ä", "/a\0", "http://x/"])
async def test_nor_a_line_of_the_request(target: str) -> None:
    with pytest.raises(ValueError):
        await HttpClient("http://127.0.0.1:9", 1).post(call(), target, {}, b"")


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://x", "/"),
        ("http://x?a=b", "/?a=b"),
        ("http://x/a/b?c=d&e=%20f#g", "/a/b?c=d&e=%20f"),
        ("http://x/a b/ü?q=ü x", "/a%20b/%C3%BC?q=%C3%BC%20x"),
        ("http://x/a\r\nb", "/ab"),
        ('http://x/"<>', "/%22%3C%3E"),
        ("http://u:p@x:1/hook", "/hook"),
    ],
)
def test_the_target_of_an_address_is_its_path_and_query(url: str, target: str) -> None:
    assert target_of(url) == target


async def heads(url: Callable[[int], str], **headers: str) -> list[str]:
    """The lines of a request's head."""
    heard: list[str] = []

    def talk(peer: Peer) -> None:
        heard.append(peer.hear_head().decode())
        peer.say(b"HTTP/1.1 200 OK", b"Content-Length: 0", b"")

    with dripping(talk) as port:
        http = HttpClient(url(port), 1)
        await http.post(call(), "/hook?a=b", headers, b"")
        await http.close()
    return heard[0].split("\r\n")[:-2]


async def test_what_the_wire_carries() -> None:
    port = 0

    def url(given: int) -> str:
        nonlocal port
        port = given
        return f"http://user:p%40ss@127.0.0.1:{given}/not/this"

    lines = await heads(url, **{"X-A": "1"})
    assert lines[0] == "POST /hook?a=b HTTP/1.1"
    assert set(lines[1:]) == {
        f"Host: 127.0.0.1:{port}",
        "Content-Length: 0",
        "Accept-Encoding: identity",
        "Accept: */*",
        "User-Agent: Pulse",
        "Authorization: Basic dXNlcjpwQHNz",
        "X-A: 1",
    }
    own = await heads(url, Authorization="Bearer t", **{"User-Agent": "own"})
    assert {"Authorization: Bearer t", "User-Agent: own"} <= set(own)
    assert len(own) == len(lines) - 1


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def set_proxy(proxy: str) -> None:
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, proxy)
        monkeypatch.setenv("no_proxy", "")

    return set_proxy


@LOOPS
def test_through_a_proxy_tls_reaches_from_end_to_end(
    tmp_path: Path, environment: Callable[[str], None], run: Run
) -> None:
    """The name leads to the proxy alone, which sees neither the request nor the answer."""

    async def scene() -> None:
        talk = answering(b"HTTP/1.1 200 OK", b"Content-Length: 2", body=b"ok")
        with dripping(talk, tls_context(tmp_path)) as port, CountingProxy(port) as proxy:
            environment(proxy.url)
            trusting = ssl.create_default_context(cafile=str(tmp_path / "smtp.crt"))
            trusting.check_hostname = False  # its name is localhost, which no proxy is asked for
            http = HttpClient("https://look-alike.example", 2, trusting)
            for _ in range(3):
                assert (await http.post(call(), "/", {}, b"hi")).body == b"ok"
            await http.close()
            assert proxy.asked == ["CONNECT look-alike.example:443 HTTP/1.1"]

    run(scene())


async def test_a_proxy_is_told_who_asks(environment: Callable[[str], None]) -> None:
    heard: list[bytes] = []

    def talk(peer: Peer) -> None:
        heard.append(peer.hear_head())
        peer.say(b"HTTP/1.1 407 Who are you", b"Content-Length: 0", b"")

    with dripping(talk) as port:
        environment(f"http://ada:s%20e@127.0.0.1:{port}")
        http = HttpClient("http://look-alike.example", 1)
        assert (await http.post(call(), "/", {}, b"")).status == 407
        await http.close()
        assert await not_sent("https://look-alike.example") == "the proxy refuses (HTTP 407)"
    assert heard[0].startswith(b"POST http://look-alike.example/ HTTP/1.1\r\n")
    assert heard[1].startswith(b"CONNECT look-alike.example:443 HTTP/1.1\r\n")
    assert all(b"\r\nProxy-Authorization: Basic YWRhOnMgZQ==\r\n" in head for head in heard)


@pytest.mark.parametrize(
    "talk",
    [
        lambda peer: (peer.hear_head(), peer.drip_bytes(b"HTTP/1.1 200 OK and")),
        lambda peer: peer.hear_head(),
        lambda peer: (peer.hear_head(), peer.say(b"<<< not HTTP >>>")),
        lambda peer: (peer.hear_head(), peer.say(b"HTTP/1.1 200 OK", b""), peer.drip(b"\x16\x03\x03\x40")),
    ],
    ids=["drips", "hangs up", "garbage", "handshake drips"],
)
async def test_a_proxy_that_does_not_lead_through_lets_nothing_out(
    environment: Callable[[str], None], talk: Talk
) -> None:
    with dripping(talk) as port:
        environment(f"http://127.0.0.1:{port}")
        assert await not_sent("https://look-alike.example", 1.0)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://look-alike.example/x", "look-alike.example:443"),
        ("https://look-alike.example:8443", "look-alike.example:8443"),
        ("https://192.0.2.1", "192.0.2.1:443"),
        ("https://[2001:db8::1]", "[2001:db8::1]:443"),
        ("https://[2001:db8::1]:443/x", "[2001:db8::1]:443"),
        ("https://[2001:db8::1]:8443", "[2001:db8::1]:8443"),
    ],
)
async def test_a_proxy_is_told_host_and_port(environment: Callable[[str], None], url: str, place: str) -> None:
    """The port always: a CONNECT has no other (RFC 9110, section 9.3.6)."""
    with CountingProxy() as proxy:
        environment(proxy.url)
        assert await not_sent(url)
        assert proxy.asked == [f"CONNECT {place} HTTP/1.1"]


@LOOPS
def test_inside_tls_to_a_proxy_tls_to_the_server(tmp_path: Path, environment: Callable[[str], None], run: Run) -> None:
    async def scene() -> None:
        context = tls_context(tmp_path)
        talk = answering(b"HTTP/1.1 200 OK", b"Content-Length: 2", body=b"ok")

        with dripping(talk, context) as server:

            def lead(peer: Peer) -> None:
                peer.hear_head()
                peer.say(b"HTTP/1.1 200 OK", b"")
                with socket.create_connection(("127.0.0.1", server)) as behind:
                    back = threading.Thread(target=pump, args=(behind, peer.connection), daemon=True)
                    back.start()
                    pump(peer.connection, behind)
                    back.join()

            with dripping(lead, context) as port:
                environment(f"https://localhost:{port}")
                trusting = ssl.create_default_context(cafile=str(tmp_path / "smtp.crt"))
                trusting.check_hostname = False
                http = HttpClient("https://look-alike.example", 1, trusting)
                assert (await http.post(call(), "/", {}, b"hi")).body == b"ok"
                await http.close()

    run(scene())


def pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


async def test_a_name_server_that_is_silent_stops_nobody_for_longer_than_it_must(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The system's resolver knows no deadline."""
    opened = threading.Event()
    asked: list[str] = []
    find = socket.getaddrinfo

    def hang(host: str, *arguments: Any, **options: Any) -> Any:
        asked.append(host)
        if len(asked) <= 4:
            opened.wait(30)
        return find("127.0.0.1", *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    with dripping(answering(b"HTTP/1.1 200 OK", b"Content-Length: 0")) as port:
        http = HttpClient(f"http://host.example:{port}", 2)
        for _ in range(2):
            calls = (http.post(call(0.1), "/", {}, b"") for _ in range(2))
            ended = await asyncio.gather(*calls, return_exceptions=True)
            assert [type(error) for error in ended] == [NotSent, NotSent]
        with pytest.raises(TooManyHang):
            await http.post(call(), "/", {}, b"")
        opened.set()
        await eventually(lambda: not http._threads.at_work)
        assert (await http.post(call(), "/", {}, b"")).status == 200
        await http.close()
