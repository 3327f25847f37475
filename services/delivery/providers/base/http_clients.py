"""Clients of servers that others name, of which there may be any number."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import certifi

from services.delivery.providers.base.http_client import HttpClient


class _Kept:
    """A client, and how many use it."""

    def __init__(self, client: HttpClient) -> None:
        self.client = client
        self.users = 0


class HttpClients:
    """For one event loop. ``make`` makes the client of an address, with a TLS context that is made once.

    Of more than ``most`` those are closed that nobody uses, the one that was used last the last.
    """

    def __init__(self, make: Callable[[str, ssl.SSLContext], HttpClient], most: int) -> None:
        self._make = make
        self._most = most
        self._tls = ssl.create_default_context(cafile=certifi.where())  # which takes as long as many requests
        self._kept: dict[str, _Kept] = {}  # the last used last

    def __len__(self) -> int:
        return len(self._kept)

    @asynccontextmanager
    async def of(self, url: str) -> AsyncIterator[HttpClient]:
        """The one for an address, while the block lasts; ValueError: it is none."""
        kept = self._kept.pop(url, None) or _Kept(self._make(url, self._tls))
        self._kept[url] = kept
        kept.users += 1
        try:
            yield kept.client
        finally:
            kept.users -= 1
            await self._make_room()

    async def close(self) -> None:
        """Hangs up; no request is under way."""
        for kept in self._kept.values():
            await kept.client.close()

    async def _make_room(self) -> None:
        excess = len(self._kept) - self._most
        idle = [url for url, kept in self._kept.items() if not kept.users] if excess > 0 else []
        for url in idle[: max(excess, 0)]:
            await self._kept.pop(url).client.close()
