"""Connections to servers that others name: bounded, and none is taken from who uses it."""

from __future__ import annotations

import ssl
from contextlib import AsyncExitStack

from services.delivery.providers.base.http_client import HttpClient
from services.delivery.providers.base.http_clients import HttpClients


class Watched(HttpClient):
    """A client that remembers when it was closed."""

    closed = False

    async def close(self) -> None:
        self.closed = True


def watched(url: str, tls: ssl.SSLContext) -> Watched:
    return Watched(url, 1, tls)


async def test_those_in_use_stay_open_however_many_come_and_go_when_nobody_uses_them() -> None:
    clients, made = HttpClients(watched, most=2), list[HttpClient]()
    async with AsyncExitStack() as in_use:
        for number in range(5):
            made.append(await in_use.enter_async_context(clients.of(f"http://{number}.example")))
        async with clients.of("http://5.example"):
            pass
        assert not any(one.closed for one in made if isinstance(one, Watched))
    assert sum(one.closed for one in made if isinstance(one, Watched)) == 3
    assert len(clients) == 2


async def test_one_address_has_one_client_and_the_last_used_goes_last() -> None:
    clients = HttpClients(watched, most=2)
    async with clients.of("http://a.example") as first, clients.of("http://a.example") as again:
        assert first is again
    for url in ("http://b.example", "http://a.example", "http://c.example"):
        async with clients.of(url):
            pass
    async with clients.of("http://a.example") as kept:
        assert kept is first
