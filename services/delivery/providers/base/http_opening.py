"""Opening a connection to a server by HTTP: its address, a proxy on the way, encryption."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

from services.delivery.providers.base.bounded_sockets import CONNECT_SECONDS
from services.delivery.providers.base.call import Call
from services.delivery.providers.base.http_answer import NoAnswer, NotPublic
from services.delivery.providers.base.http_connection import HttpConnection
from services.delivery.providers.base.look_ups import look_up
from services.delivery.providers.base.outgoing_proxies import proxy_for
from services.delivery.providers.base.threads import Threads
from shared.net.domains import ascii_domain
from shared.net.public_addresses import Network, literal, may_be_called

Made = TypeVar("Made", bound=asyncio.Protocol)


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody listens."""

    host: str
    port: int
    tls: bool

    @classmethod
    def of(cls, parts: SplitResult) -> Self:
        """Of an http or https address; raises ValueError for one that is none."""
        tls = parts.scheme == "https"
        if not parts.hostname or parts.scheme not in ("http", "https"):
            raise ValueError("not an address by HTTP")
        return cls(ascii_domain(parts.hostname), parts.port or (443 if tls else 80), tls)

    @property
    def authority(self) -> str:
        """As Host says it, without the port that goes without saying."""
        return self._host if self.port == (443 if self.tls else 80) else self.with_port

    @property
    def with_port(self) -> str:
        """As CONNECT says it."""
        return f"{self._host}:{self.port}"

    @property
    def _host(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


@dataclass(frozen=True, slots=True)
class Route:
    """The way to a server: ``proxy`` is where a connection goes first, if there is one on the way."""

    server: Place
    proxy: Place | None
    authorization: str  # Proxy-Authorization; empty: none
    public_only: bool = False  # it leads to no private address; names are the proxy's to resolve, if there is one
    besides: Sequence[Network] = ()  # private networks that it may lead to all the same

    @classmethod
    def to(cls, url: str, *, public_only: bool = False, besides: Sequence[Network] = ()) -> Self:
        """As the environment says; raises ValueError for an address that is none."""
        server = Place.of(urlsplit(url))
        proxy = proxy_for(url)
        parts = urlsplit(proxy)
        return cls(server, Place.of(parts) if proxy else None, basic_authentication(parts), public_only, besides)

    @property
    def encrypted(self) -> bool:
        """Whether there is TLS anywhere on it."""
        return self.server.tls or (self.proxy is not None and self.proxy.tls)

    @property
    def relayed(self) -> bool:
        """Whether a proxy reads the requests: it is told whole addresses."""
        return self.proxy is not None and not self.server.tls


async def open_connection(
    route: Route, tls: ssl.SSLContext | None, threads: Threads, call: Call, made: Callable[[], Made]
) -> Made:
    """A connection over which requests to the server can go, within the call's time; ``made`` makes what speaks by it.

    Raises OSError, also for a name that is none, :class:`.http_answer.NotPublic` and TimeoutError.
    """
    first = route.proxy or route.server
    async with asyncio.timeout(call.left()):
        addresses = _permitted(route, await look_up(threads, first.host, first.port))
        connected = await _connected(first, addresses, call)
        if route.proxy is None or not route.server.tls or tls is None:
            return await _speaking(connected, first, tls, made)
        proxy = await _speaking(connected, first, tls, HttpConnection)
    return await _tunnel(proxy, route, tls, call, made)


def _permitted(route: Route, addresses: list[Any]) -> list[Any]:
    """Those that the route may lead to: who checks a name and then looks it up again may get another answer."""
    if not route.public_only:
        return addresses
    written = literal(route.server.host)
    if written is not None and not may_be_called(written, route.besides):
        raise NotPublic("its address is a private one")
    if route.proxy is not None:
        return addresses
    permitted = [one for one in addresses if _may_be_called(one[4][0], route)]
    if not permitted:
        raise NotPublic("its name leads to private addresses alone")
    return permitted


def _may_be_called(address: str, route: Route) -> bool:
    found = literal(address)
    return found is not None and may_be_called(found, route.besides)


async def _connected(place: Place, addresses: list[Any], call: Call) -> socket.socket:
    """The first address that takes a connection, each given its share of what is left of the call."""
    problem: OSError | None = None
    for number, (family, kind, protocol, _, address) in enumerate(addresses):
        try:
            sock = socket.socket(family, kind, protocol)
        except OSError as error:  # the kernel has no such family: what another address met says more
            problem = problem or error
            continue
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            async with asyncio.timeout(min(CONNECT_SECONDS, call.left() / (len(addresses) - number))):
                await asyncio.get_running_loop().sock_connect(sock, address)
            return sock
        except OSError as error:
            sock.close()
            problem = error
        except BaseException:
            sock.close()
            raise
    raise problem or OSError(f"{place.host} has no address")


async def _speaking(sock: socket.socket, place: Place, tls: ssl.SSLContext | None, made: Callable[[], Made]) -> Made:
    try:
        _, connection = await asyncio.get_running_loop().create_connection(
            made, sock=sock, ssl=tls if place.tls else None, server_hostname=place.host if place.tls else None
        )
    except BaseException:
        sock.close()
        raise
    return connection


async def _tunnel(
    proxy: HttpConnection, route: Route, tls: ssl.SSLContext, call: Call, made: Callable[[], Made]
) -> Made:
    """Has the proxy lead the connection through to the server (RFC 9110, section 9.3.6), and encrypts it."""
    server = route.server.with_port
    head = f"CONNECT {server} HTTP/1.1\r\nHost: {server}\r\n"
    if route.authorization:
        head += f"Proxy-Authorization: {route.authorization}\r\n"
    try:
        answer = await proxy.exchange(f"{head}\r\n".encode("latin-1"), call.left(), tunnel=True)
        if not 200 <= answer.status <= 299:
            raise OSError(f"the proxy refuses (HTTP {answer.status})")
        connection = made()
        async with asyncio.timeout(call.left()):
            transport = await asyncio.get_running_loop().start_tls(
                proxy.transport, connection, tls, server_hostname=route.server.host
            )
    except NoAnswer as error:
        raise OSError(f"the proxy gave no answer: {error}") from None
    except BaseException:
        proxy.close()
        raise
    if transport is None:
        raise OSError("the connection was lost")
    connection.connection_made(transport)
    return connection


def basic_authentication(parts: SplitResult) -> str:
    """By the user and password in an address (RFC 7617); empty: there is no user in it."""
    if parts.username is None:
        return ""
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"Basic {base64.b64encode(login.encode()).decode('ascii')}"


def why_not(error: OSError) -> str:
    """Why no connection came about, in words for whoever looks for the fault."""
    if isinstance(error, socket.gaierror):
        return "its name cannot be resolved"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not believed ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return "no TLS connection came about"
    if isinstance(error, ConnectionRefusedError):
        return "nobody takes the connection"
    if isinstance(error, TimeoutError):
        return "no connection came about in time"
    return error.strerror or str(error)
