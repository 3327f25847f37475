"""Requests by HTTP/2: what is certain of one that failed, what is kept, what the wire carries."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from services.delivery.providers.base.call import LARGEST_ANSWER, Call
from services.delivery.providers.base.http2_client import Http2Client
from services.delivery.providers.base.http2_connection import Http2Connection
from services.delivery.providers.base.http_answer import Answer, NoAnswer, NotSent
from services.delivery.providers.base.http_client import IDLE_SECONDS
from services.sandbox.http.certificate import tls_context
from tests.delivery.outgoing import within
from tests.support import eventually
from tests.support.dripping import Peer, dripping
from tests.support.http2_peer import Http2Peer
from tests.support.http_proxy import CountingProxy

Talk = Callable[[Http2Peer], None]
LOOPS = pytest.mark.parametrize("run", [uvloop.run, asyncio.run], ids=["uvloop", "asyncio"])
Run = Callable[[Coroutine[Any, Any, None]], None]


@contextmanager
def serving(talk: Talk, tls: ssl.SSLContext | None = None, **settings: int) -> Iterator[str]:
    """A server that does ``talk`` on each connection; gives its address. ``settings`` are HTTP/2's."""
    own = {SettingCodes[name.upper()]: value for name, value in settings.items()}
    with dripping(lambda peer: talk(Http2Peer(peer, own)), tls) as port:
        yield f"http{'s' if tls else ''}://127.0.0.1:{port}"


def answer_each(peer: Http2Peer) -> None:
    for stream in peer.requests():
        peer.answer(stream)


async def ask(client: Http2Client, seconds: float = 5.0, body: bytes = b"hi", **headers: str) -> Answer:
    return await client.post(Call(within(seconds)), "/x", headers, body)


async def together(client: Http2Client, count: int, seconds: float = 5.0) -> list[Answer | BaseException]:
    """What becomes of requests that are made at once, in their order."""
    return await asyncio.gather(*(ask(client, seconds) for _ in range(count)), return_exceptions=True)


def kinds(results: list[Answer | BaseException]) -> list[object]:
    return [result.status if isinstance(result, Answer) else type(result) for result in results]


@LOOPS
def test_many_go_at_once_by_one_connection_and_each_gets_its_own_answer(run: Run) -> None:
    def in_reverse(peer: Http2Peer) -> None:
        streams = []
        for stream in peer.requests():
            streams.append(stream)
            if len(streams) == 8:
                for one in reversed(streams):
                    peer.answer(one, peer.headers[one]["x-number"].encode())

    async def scene() -> None:
        with serving(in_reverse) as url:
            client = Http2Client(url, 8)
            asked = [client.post(Call(within()), "/x", {"X-Number": str(number)}, b"") for number in range(8)]
            assert [answer.body for answer in await asyncio.gather(*asked)] == [b"%d" % number for number in range(8)]
            assert client.opened == 1
            await client.close()

    run(scene())


async def test_what_the_wire_carries() -> None:
    heard: list[dict[str, str]] = []

    def note(peer: Http2Peer) -> None:
        for stream in peer.requests():
            heard.append(peer.headers[stream])
            peer.answer(stream, b"ok", **{"retry-after": "7"})

    with serving(note) as url:
        client = Http2Client(f"{url}/ignored", 1)
        call = Call(within(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        answer = await client.post(call, "/3/device/ab", {"Apns-Topic": "com.example"}, b"body")
        await client.close()
    assert (answer.status, answer.body, answer.headers["retry-after"]) == (200, b"ok", "7")
    assert call.sent
    assert call.answer == answer
    assert heard == [
        {
            ":method": "POST",
            ":scheme": "http",
            ":authority": url.removeprefix("http://"),
            ":path": "/3/device/ab",
            "user-agent": "Pulse",
            "apns-topic": "com.example",
            "traceparent": call.traceparent,
            "content-length": "4",
        }
    ]


async def test_a_body_goes_out_as_the_server_makes_room_for_it() -> None:
    bodies: list[bytes] = []

    def note(peer: Http2Peer) -> None:
        for stream in peer.requests():
            bodies.append(peer.bodies[stream])
            peer.answer(stream)

    with serving(note, initial_window_size=10) as url:
        client = Http2Client(url, 4)
        assert kinds(await asyncio.gather(*(ask(client, body=bytes([n]) * 4096) for n in range(4)))) == [200] * 4
        await client.close()
    assert sorted(bodies) == [bytes([n]) * 4096 for n in range(4)]


async def test_where_the_server_takes_no_more_at_once_another_connection_is_opened() -> None:
    all_there = threading.Barrier(3)

    def wait_for_others(peer: Http2Peer) -> None:
        for stream in peer.requests():
            all_there.wait(5)
            peer.answer(stream)

    with serving(wait_for_others, max_concurrent_streams=1) as url:
        client = Http2Client(url, 3)
        assert kinds(await together(client, 3)) == [200] * 3
        assert client.opened == 3
        await client.close()


async def test_of_a_server_that_goes_away_it_is_certain_what_it_took() -> None:
    def leave(peer: Http2Peer) -> None:
        streams = []
        for stream in peer.requests():
            streams.append(stream)
            if len(streams) == 3:
                peer.h2.close_connection(last_stream_id=streams[1])
                goaway = peer.h2.data_to_send()
                peer.h2.state_machine.state = type(peer.h2.state_machine.state).SERVER_OPEN
                peer.h2.send_headers(streams[0], [(":status", "200")], end_stream=True)
                peer._peer.connection.sendall(goaway + peer.h2.data_to_send())
                return

    with serving(leave) as url:
        client = Http2Client(url, 4)
        assert kinds(await together(client, 3)) == [200, NoAnswer, NotSent], "answered, taken, and never looked at"
        await client.close()


@pytest.mark.parametrize(
    ("code", "kind"),
    [(ErrorCodes.REFUSED_STREAM, NotSent), (ErrorCodes.INTERNAL_ERROR, NoAnswer), (ErrorCodes.CANCEL, NoAnswer)],
)
async def test_a_refused_stream_is_certain_and_a_broken_one_is_not(code: ErrorCodes, kind: type[OSError]) -> None:
    def reset(peer: Http2Peer) -> None:
        for number, stream in enumerate(peer.requests()):
            if number:
                peer.answer(stream)
            else:
                peer.h2.reset_stream(stream, code)
                peer.flush()

    with serving(reset) as url:
        client = Http2Client(url, 4)
        with pytest.raises(kind):
            await ask(client)
        assert (await ask(client)).status == 200
        assert client.opened == 1, "the connection is as good as before"
        await client.close()


async def test_a_lost_connection_leaves_all_under_way_open_and_the_next_goes_by_another() -> None:
    lost: list[bool] = []

    def lose_first(peer: Http2Peer) -> None:
        for stream in peer.requests():
            if not lost:
                lost.append(True)
                return
            peer.answer(stream)

    with serving(lose_first) as url:
        client = Http2Client(url, 4)
        assert kinds(await together(client, 2)) == [NoAnswer] * 2
        assert (await ask(client)).status == 200
        assert client.opened == 2
        await client.close()


async def test_silence_ends_with_the_deadline_and_only_for_whom_it_befell() -> None:
    """The way to the server may be lost, so that others go another; whoever is under way may still get an answer."""
    later = threading.Event()

    def slow(peer: Http2Peer) -> None:
        streams = []
        for stream in peer.requests():
            if peer.headers[stream].get("x-say") == "at once":
                peer.answer(stream)
                continue
            streams.append(stream)
            if len(streams) == 2:
                later.wait(5)
                peer.answer(streams[0])

    with serving(slow) as url:
        client = Http2Client(url, 4)
        await ask(client, **{"x-say": "at once"})  # so that no time goes into connecting
        patient = asyncio.create_task(client.post(Call(within(5)), "/x", {}, b""))
        hasty = asyncio.create_task(client.post(Call(within(0.2)), "/x", {}, b""))
        assert kinds(await asyncio.gather(hasty, return_exceptions=True)) == [NoAnswer]
        assert (await ask(client, **{"x-say": "at once"})).status == 200
        assert client.opened == 2
        later.set()
        assert (await patient).status == 200
        await client.close()


async def test_a_call_that_is_cancelled_gives_its_stream_up_and_leaves_the_connection() -> None:
    def answer_all_but_second(peer: Http2Peer) -> None:
        for number, stream in enumerate(peer.requests()):
            if number != 1:
                peer.answer(stream)

    with serving(answer_all_but_second) as url:
        client = Http2Client(url, 4)
        await ask(client)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await ask(client)
        assert (await ask(client)).status == 200
        assert client.opened == 1
        await client.close()


def speak_http_1(peer: Peer) -> None:
    peer.connection.recv(1000)
    peer.say(b"HTTP/1.1 400 Bad Request", b"Content-Length: 0", b"")


NOT_HTTP2: dict[str, Callable[[Peer], None]] = {
    "HTTP/1.1": speak_http_1,
    "nothing": lambda peer: peer.sip(),
    "hangs up": lambda peer: None,
    "a byte at a time": lambda peer: peer.drip_bytes(b"\0\0\x40\4\0\0\0\0\0"),
}


@pytest.mark.parametrize("talk", NOT_HTTP2.values(), ids=NOT_HTTP2)
async def test_nothing_goes_out_before_the_server_has_said_that_it_speaks_http_2(talk: Callable[[Peer], None]) -> None:
    with dripping(talk) as port:
        client = Http2Client(f"http://127.0.0.1:{port}", 1)
        call = Call(within(0.4))
        with pytest.raises(NotSent):
            await client.post(call, "/x", {}, b"hi")
        assert not call.sent
        await client.close()


async def test_what_is_no_frame_leaves_it_open_and_the_next_goes_by_another_connection() -> None:
    broken: list[bool] = []

    def garble_second(peer: Http2Peer) -> None:
        for number, stream in enumerate(peer.requests()):
            if broken or number != 1:
                peer.answer(stream)
            else:
                broken.append(True)
                peer._peer.connection.sendall(b"\0\0\4\x08\0\0\0\0\1oops" * 3)

    with serving(garble_second) as url:
        client = Http2Client(url, 1)
        await ask(client)
        assert kinds(await together(client, 1, seconds=0.5)) == [NoAnswer]
        assert (await ask(client)).status == 200
        await client.close()


async def test_an_answer_has_a_bound() -> None:
    def pour(peer: Http2Peer) -> None:
        for stream in peer.requests():
            peer.h2.send_headers(stream, [(":status", "200")])
            for _ in range(LARGEST_ANSWER // 16_384 + 1):
                while peer.h2.local_flow_control_window(stream) < 16_384:
                    peer.h2.receive_data(peer._peer.connection.recv(1000))
                peer.h2.send_data(stream, b"x" * 16_384)
                peer.flush()

    with serving(pour) as url:
        client = Http2Client(url, 1)
        with pytest.raises(NoAnswer) as caught:
            await ask(client)
        assert caught.value.begun is not None
        assert caught.value.begun.status == 200
        await client.close()


async def test_a_connection_that_the_server_closed_meanwhile_is_not_used_again() -> None:
    def answer_one(peer: Http2Peer) -> None:
        peer.answer(next(peer.requests()))

    with serving(answer_one) as url:
        client = Http2Client(url, 1)
        for _ in range(3):
            assert (await ask(client)).status == 200
            (connection,) = client._connections
            await eventually(lambda connection=connection: connection.has_news or not connection.usable)
        assert client.opened == 3
        await client.close()


@pytest.mark.parametrize(("idle", "opened"), [(IDLE_SECONDS - 5, 1), (IDLE_SECONDS + 5, 2)])
async def test_a_connection_that_was_idle_for_long_is_not_used_again(idle: float, opened: int) -> None:
    with serving(answer_each) as url:
        client = Http2Client(url, 1)
        await ask(client)
        client._connections[0].last_used -= idle
        await ask(client)
        assert client.opened == opened
        await client.close()


async def test_after_its_deadline_nothing_is_sent() -> None:
    with serving(answer_each) as url:
        client = Http2Client(url, 1)
        await ask(client)
        with pytest.raises(NotSent):
            await ask(client, -1)
        assert (await ask(client)).status == 200
        assert client.opened == 1
        await client.close()


HEADERS = [
    {"X": "a\r\nY: b"}, {"X": "a\nb"}, {"X": "a\0b"}, {"X": "a\x7f"}, {"X: a": "b"}, {"": "b"}, {"X ": "b"},
    {"X": "☃"}, {":path": "/other"}, {"Te": "gzip"},
]  # fmt: skip


@pytest.mark.parametrize("headers", HEADERS, ids=repr)
async def test_what_cannot_be_a_header_is_no_request(headers: dict[str, str]) -> None:
    with serving(answer_each) as url:
        client = Http2Client(url, 1)
        call = Call(within())
        with pytest.raises(ValueError):
            await client.post(call, "/", headers, b"")
        assert not call.sent
        assert (await ask(client)).status == 200, "and leaves the connection as it was"
        await client.close()


@LOOPS
def test_inside_tls_it_is_agreed_on_and_a_proxy_leads_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    agreed: list[str | None] = []

    def note(peer: Http2Peer) -> None:
        agreed.append(peer._peer.connection.selected_alpn_protocol())  # type: ignore[attr-defined]
        answer_each(peer)

    async def scene() -> None:
        serves = tls_context(tmp_path)
        serves.set_alpn_protocols(["h2", "http/1.1"])
        with serving(note, serves) as url, CountingProxy(int(url.rpartition(":")[2])) as proxy:
            for name, server in (("", url), (proxy.url, "https://look-alike.example")):
                monkeypatch.setenv("https_proxy", name)
                trusting = ssl.create_default_context(cafile=str(tmp_path / "smtp.crt"))
                trusting.check_hostname = False
                client = Http2Client(server, 2, trusting)
                assert kinds(await together(client, 2)) == [200, 200]
                await client.close()
        assert agreed == ["h2", "h2"]
        assert proxy.asked == ["CONNECT look-alike.example:443 HTTP/1.1"]

    run(scene())


def test_a_proxy_that_reads_along_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(ValueError, match="no_proxy"):
        Http2Client("http://look-alike.example", 1)


async def test_a_connection_has_an_end_to_its_numbers() -> None:
    connection = Http2Connection()
    assert connection._h2.has_streams_left
    connection._h2.highest_outbound_stream_id = 2**31 - 1
    assert not connection._h2.has_streams_left
