"""Requests to one server by HTTP: over kept connections, each ended by its call's deadline, and made once."""

from __future__ import annotations

import re
import ssl
import time
from collections import deque
from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlsplit

import certifi

from services.delivery.providers.base.call import Call
from services.delivery.providers.base.http_answer import Answer, NotPublic, NotSent
from services.delivery.providers.base.http_connection import HttpConnection
from services.delivery.providers.base.http_opening import Route, basic_authentication, open_connection, why_not
from services.delivery.providers.base.threads import Threads
from shared.net.public_addresses import Network

#: A connection that lay idle for longer is not used again, s: what lies between, a NAT say, may have forgotten it
#: without a word, and then nobody knows what became of the request.
IDLE_SECONDS = 60.0
#: What a header holds (RFC 9110, section 5): text of others shall not begin a line of its own.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t -~\x80-\xff]*")
_TARGET = re.compile(r"/[!-~]*")
#: What a path or a query may hold (RFC 3986, section 3.3), what is encoded already included.
_AS_IT_IS = "/?:@!$&'()+*,;=~%[]"


def target_of(url: str) -> str:
    """Path and query of an address, as a request names them."""
    parts = urlsplit(url)
    path, query = quote(parts.path or "/", safe=_AS_IT_IS), quote(parts.query, safe=_AS_IT_IS)
    return f"{path}?{query}" if query else path


def check_request(target: str, headers: Mapping[str, str]) -> None:
    """Raises ValueError for what can be neither target nor headers."""
    if not _TARGET.fullmatch(target):
        raise ValueError("not the target of a request")
    for name, value in headers.items():
        if not (_NAME.fullmatch(name) and _VALUE.fullmatch(value)):
            raise ValueError(f"not a header: {name!a}")


class HttpClient:
    """For one event loop. Follows no redirect, and repeats nothing by itself.

    As many connections are kept as are used at once, ``connections`` at the most.
    """

    def __init__(
        self,
        url: str,
        connections: int,
        tls: ssl.SSLContext | None = None,
        *,
        public_only: bool = False,
        besides: Sequence[Network] = (),
    ) -> None:
        """Of ``url`` only where it leads counts, and who it says to log in as; ValueError: it is no address.

        The environment's proxies are looked up here, once. Without ``tls`` servers are believed that certifi knows.
        ``public_only``: it came from others, and must not lead into a network of ours, but for those ``besides``.
        """
        self._route = Route.to(url, public_only=public_only, besides=besides)
        login = basic_authentication(urlsplit(url))
        self._headers = {"User-Agent": "Pulse", "Accept": "*/*", **({"Authorization": login} if login else {})}
        self._tls = tls
        if tls is None and self._route.encrypted:
            self._tls = ssl.create_default_context(cafile=certifi.where())
        self._connections = connections
        self._threads = Threads(2 * connections)
        self._idle: deque[HttpConnection] = deque()
        self._head = self._constant_head()
        self.opened = 0  # connections so far

    async def post(self, call: Call, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """As :meth:`request`."""
        return await self.request(call, "POST", target, headers, body)

    async def request(self, call: Call, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """The answer, whatever its status. ``target`` is path and query; ``headers`` count before those of the client.

        Raises :class:`NotSent` and :class:`NoAnswer`, :class:`.threads.TooManyHang`, and ValueError for what cannot be
        a request.
        """
        call.begin_request()
        request = self._written(call, method, target, headers, body)
        connection = self._kept() or await self._new(call)
        try:
            left = call.left()
        except TimeoutError as error:
            self._keep(connection)
            raise NotSent(str(error)) from None
        if not connection.usable:
            raise NotSent("the server hung up at once")
        call.sent = True
        try:
            call.answer = await connection.exchange(request, left, largest=call.largest)
        finally:
            self._keep(connection)
        return call.answer

    async def close(self) -> None:
        """Hangs up; no request is under way."""
        while self._idle:
            self._idle.pop().close()

    def _kept(self) -> HttpConnection | None:
        """The connection that was used last, so that those there are too many of grow old."""
        while self._idle:
            connection = self._idle.pop()
            if time.monotonic() - connection.last_used < IDLE_SECONDS and connection.is_quiet:
                return connection
            connection.close()
        return None

    async def _new(self, call: Call) -> HttpConnection:
        try:
            connection = await open_connection(self._route, self._tls, self._threads, call, HttpConnection)
        except NotPublic:
            raise
        except OSError as error:
            raise NotSent(why_not(error)) from error
        self.opened += 1
        return connection

    def _keep(self, connection: HttpConnection) -> None:
        if connection.usable and len(self._idle) < self._connections:
            self._idle.append(connection)
        else:
            connection.close()

    def _constant_head(self) -> str:
        """What every request says."""
        head = f"Host: {self._route.server.authority}\r\nAccept-Encoding: identity\r\n"
        if self._route.relayed and self._route.authorization:
            head += f"Proxy-Authorization: {self._route.authorization}\r\n"
        return head

    def _written(self, call: Call, method: str, target: str, headers: Mapping[str, str], body: bytes) -> bytes:
        given = {**self._headers, **headers}
        check_request(target, given)
        place = f"http://{self._route.server.authority}{target}" if self._route.relayed else target
        lines = [f"{method} {place} HTTP/1.1\r\n{self._head}Content-Length: {len(body)}\r\n"]
        if call.traceparent:
            lines.append(f"traceparent: {call.traceparent}\r\n")
        lines += [f"{name}: {value}\r\n" for name, value in given.items()]
        return "".join(lines).encode("latin-1") + b"\r\n" + body
