"""Where others say who is called, nobody on a network of ours is, whatever the address looks like."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from services.delivery.providers.base.call import Call
from services.delivery.providers.base.http_answer import NotPublic, NotSent
from services.delivery.providers.base.http_client import HttpClient
from tests.delivery.outgoing import within
from tests.support.dripping import Peer, dripping

#: Places that are none of the internet's, as whoever wants in would write them.
INSIDE = (
    "127.0.0.1",
    "127.1",
    "0x7f000001",
    "2130706433",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "[::1]",
    "[::]",
    "[fd00::1]",
    "[fe80::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:a9fe:a9fe]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "localhost",
    "LOCALHOST",
)


async def refusal(url: str) -> NotSent:
    client = HttpClient(url, 1, public_only=True)
    with pytest.raises(NotSent) as caught:
        await client.post(Call(within()), "/", {}, b"")
    await client.close()
    return caught.value


@pytest.mark.parametrize("host", INSIDE)
async def test_no_request_goes_to_what_is_not_public(host: str) -> None:
    heard: list[str] = []
    with dripping(lambda _peer: heard.append("somebody")) as port:
        assert isinstance(await refusal(f"http://{host}:{port}"), NotPublic)
    assert heard == []


@pytest.fixture
def resolving(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Has every name lead to these addresses."""

    def lead(*addresses: str) -> None:
        def find(_host: str, port: int, *_: Any, **__: Any) -> list[Any]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

        monkeypatch.setattr(socket, "getaddrinfo", find)

    return lead


async def test_a_name_that_leads_inside_is_not_followed(resolving: Callable[..., None]) -> None:
    resolving("127.0.0.1", "10.0.0.1")
    assert isinstance(await refusal("http://push.example.com"), NotPublic)


async def test_of_a_name_s_addresses_only_public_ones_are_called(
    resolving: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []

    async def note(_loop: Any, _sock: socket.socket, address: tuple[str, int]) -> None:
        called.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(type(asyncio.get_running_loop()), "sock_connect", note)
    resolving("127.0.0.1", "93.184.216.34", "192.168.0.1")
    assert not isinstance(await refusal("http://push.example.com"), NotPublic)
    assert called == ["93.184.216.34"]


@pytest.mark.parametrize("host", ["10.1.2.3", "[::ffff:10.1.2.3]", "[fd00::1]"])
async def test_nor_does_a_proxy_lead_to_an_address_inside(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    heard: list[str] = []
    with dripping(lambda _peer: heard.append("the proxy")) as port:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        assert isinstance(await refusal(f"http://{host}"), NotPublic)
    assert heard == []


async def test_a_proxy_in_our_own_network_is_used_for_names(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(peer: Peer) -> None:
        peer.hear_request()
        peer.say(b"HTTP/1.1 204 No Content", b"")

    with dripping(answer) as port:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        client = HttpClient("http://push.example.com", 1, public_only=True)
        assert (await client.post(Call(within()), "/", {}, b"")).status == 204
        await client.close()
