"""Requests to one server by HTTP/2: over kept connections, each ended by its call's deadline, and made once."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

import certifi

from services.delivery.providers.base.call import Call
from services.delivery.providers.base.http2_connection import Http2Connection
from services.delivery.providers.base.http_answer import Answer, NotSent
from services.delivery.providers.base.http_client import IDLE_SECONDS, check_request
from services.delivery.providers.base.http_opening import Route, open_connection, why_not
from services.delivery.providers.base.threads import Threads


class Http2Client:
    """For one event loop. Follows no redirect, and repeats nothing by itself.

    All requests go by one connection, as far as the server takes so many at once.
    """

    def __init__(self, url: str, calls: int, tls: ssl.SSLContext | None = None) -> None:
        """Of ``url`` only where it leads counts; by http:// it is HTTP/2 without TLS. ``calls``: most at once.

        Raises ValueError for what is no address, or would go by a proxy that reads it: such a one speaks HTTP/1.1.
        """
        self._route = Route.to(url)
        if self._route.relayed:
            raise ValueError(f"HTTP/2 without TLS goes by no proxy: name {self._route.server.host} in no_proxy")
        self._scheme = urlsplit(url).scheme
        self._tls = tls or ssl.create_default_context(cafile=certifi.where())
        self._tls.set_alpn_protocols(["h2"])
        self._threads = Threads(2 * calls)
        self._connections: list[Http2Connection] = []
        self._opening = asyncio.Lock()
        self.opened = 0  # connections so far

    async def post(self, call: Call, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """The answer, whatever its status. ``target`` is path and query.

        Raises :class:`NotSent` and :class:`.http_answer.NoAnswer`, :class:`.threads.TooManyHang`, and ValueError for
        what cannot be a request.
        """
        call.begin_request()
        request = self._request(call, target, headers, body)
        connection = await self._connection(call)
        try:
            left = call.left()
        except TimeoutError as error:
            raise NotSent(str(error)) from None
        call.sent = True
        try:
            call.answer = await connection.exchange(request, body, left)
        except ValueError:
            call.sent = False
            raise
        return call.answer

    async def close(self) -> None:
        """Hangs up; no request is under way."""
        while self._connections:
            self._connections.pop().close()

    async def _connection(self, call: Call) -> Http2Connection:
        try:
            if (kept := self._kept()) is not None:
                return kept
            async with asyncio.timeout(call.left()), self._opening:
                return self._kept() or await self._new(call)
        except NotSent:
            raise
        except OSError as error:
            raise NotSent(why_not(error)) from error

    def _kept(self) -> Http2Connection | None:
        """The first that has room. One that lay idle for long, or on which something happened, is not used again."""
        oldest = time.monotonic() - IDLE_SECONDS
        for connection in list(self._connections):
            if connection.idle and (connection.last_used < oldest or connection.has_news):
                connection.close()
            if not connection.usable:
                self._connections.remove(connection)
        return next((connection for connection in self._connections if connection.has_room), None)

    async def _new(self, call: Call) -> Http2Connection:
        connection = await open_connection(self._route, self._tls, self._threads, call, Http2Connection)
        self.opened += 1
        try:
            await connection.ready(call.left())
        except BaseException:
            connection.close()
            raise
        self._connections.append(connection)
        return connection

    def _request(self, call: Call, target: str, headers: Mapping[str, str], body: bytes) -> list[tuple[str, str]]:
        given = {"user-agent": "Pulse", **{name.lower(): value for name, value in headers.items()}}
        if call.traceparent:
            given["traceparent"] = call.traceparent
        check_request(target, given)
        authority = self._route.server.authority
        pseudo = {":method": "POST", ":scheme": self._scheme, ":authority": authority, ":path": target}
        return [*pseudo.items(), *given.items(), ("content-length", str(len(body)))]
