"""A connection goes to the first address that takes one; where none does, the reason that says most is told."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvloop

from services.delivery.providers.base.bounded_sockets import connect
from services.delivery.providers.base.call import Call, calling
from services.delivery.providers.base.http_connection import HttpConnection
from services.delivery.providers.base.http_opening import Route, open_connection
from services.delivery.providers.base.threads import Threads
from tests.delivery.outgoing import within


def by_thread() -> Any:
    """Where a connection that blocks leads."""
    with calling(within(20)), connect("mail.example", 25) as connection:
        return connection.getpeername()


def by_loop() -> Any:
    """Where one of a loop leads."""

    async def opened() -> Any:
        route = Route.to("http://mail.example:25")
        connection = await open_connection(route, None, Threads(1), Call(within(20)), HttpConnection)
        peer = connection.transport.get_extra_info("peername")
        connection.close()
        return peer

    return uvloop.run(opened())


WAYS = pytest.mark.parametrize("way", [by_thread, by_loop])

#: An address family that no kernel has, so that the kernel itself refuses it.
NO_FAMILY = 250


@pytest.fixture
def places() -> Iterator[dict[str, tuple[int, tuple[Any, ...]]]]:
    """By name: a family and an address of it, of which one listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            refusing = closed.getsockname()
        yield {
            "open": (socket.AF_INET, listening.getsockname()),
            "refusing": (socket.AF_INET, refusing),
            "no family": (NO_FAMILY, ("::1", 1, 0, 0)),
        }


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch, places: dict[str, tuple[int, tuple[Any, ...]]]) -> Any:
    """Makes every name have the places named."""

    def resolve(names: list[str]) -> None:
        found = [(family, socket.SOCK_STREAM, 0, "", address) for family, address in map(places.__getitem__, names)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)

    return resolve


@pytest.mark.parametrize(
    "names",
    [
        ["open"],
        ["no family", "open"],
        ["no family", "no family", "open"],
        ["refusing", "no family", "open"],
        ["no family", "refusing", "open"],
        ["open", "no family"],
    ],
    ids=", ".join,
)
@WAYS
def test_an_address_of_a_family_that_the_kernel_lacks_is_passed_over(
    resolved: Any, places: dict[str, Any], names: list[str], way: Callable[[], Any]
) -> None:
    resolved(names)
    assert way() == places["open"][1]


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["refusing"], errno.ECONNREFUSED),
        (["refusing", "no family"], errno.ECONNREFUSED),
        (["no family", "refusing"], errno.ECONNREFUSED),
        (["no family", "refusing", "no family"], errno.ECONNREFUSED),
        (["no family"], errno.EAFNOSUPPORT),
        (["no family", "no family"], errno.EAFNOSUPPORT),
        ([], None),
    ],
    ids=str,
)
@WAYS
def test_the_reason_is_what_an_address_met_before_what_the_kernel_lacks(
    resolved: Any, names: list[str], reason: int | None, way: Callable[[], Any]
) -> None:
    resolved(names)
    with pytest.raises(OSError) as refused:
        way()
    assert refused.value.errno == reason
