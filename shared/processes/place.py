"""The address that several processes listen on at once, by SO_REUSEPORT: each connection goes to one of them."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator
from typing import Any

from shared.config import StartError


def cannot_listen(setting: str, address: str) -> StartError:
    """What stops a process whose address, which ``setting`` names, cannot be had."""
    why = "it is taken, or none of this machine's"
    return StartError(f"{address} cannot be listened on: {why}; {setting} names another")


@contextlib.contextmanager
def shared_place(setting: str, address: str) -> Iterator[str]:
    """Keeps ``host:port`` for this process and its children until the block ends; port 0 becomes a free one.

    Nobody else may listen there yet: the kernel would let a second Pulse of the same user in and give it half of the
    connections. Raises :class:`StartError` if somebody does, or where the kernel does not share out connections.
    """
    if sys.platform != "linux":
        raise StartError("several processes of a role need Linux, whose kernel shares out the connections to a port")
    host, _, port = address.rpartition(":")
    with contextlib.ExitStack() as stack:
        try:
            family, place = _resolved(host.strip("[]"), int(port))
            _bound(family, place, shared=False).close()
            kept = stack.enter_context(_bound(family, place, shared=True))
            stack.enter_context(_claim(kept))
        except (OSError, ValueError):
            raise cannot_listen(setting, address) from None
        yield f"{host}:{kept.getsockname()[1]}"


def _resolved(host: str, port: int) -> tuple[socket.AddressFamily, Any]:
    """As gRPC takes it: where there is no IPv6, all of IPv6 means all of IPv4."""
    if host == "::" and not socket.has_dualstack_ipv6():
        host = "0.0.0.0"  # noqa: S104 -- it was asked for
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return found[0][0], found[0][4]


def _claim(kept: socket.socket) -> socket.socket:
    """Holds the place against another parent while no child listens there yet, which the kernel would not.

    A name without a file, as wide as the ports are: it goes with the process, however that ends.
    """
    host, port = kept.getsockname()[:2]
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0pulse/{host}/{port}")
    except OSError:
        claim.close()
        raise
    return claim


def _bound(family: socket.AddressFamily, place: Any, *, shared: bool) -> socket.socket:
    """It does not listen, so that no connection comes here."""
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(shared))
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(place[0] != "::"))
        bound.bind(place)
    except OSError:
        bound.close()
        raise
    return bound
