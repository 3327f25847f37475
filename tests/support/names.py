"""A name server on loopback: it answers one name with the addresses that a test says are there now."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import IPv4Address
from typing import Any

_A, _IN = 1, 1
#: Response, recursion available; the low four bits stay 0: no error.
_ANSWER = 0x8180


class NameServer(asyncio.DatagramProtocol):
    """Answers every question for an IPv4 address with ``addresses``, and any other with nothing (RFC 1035)."""

    def __init__(self) -> None:
        self.addresses: Sequence[str] = ()
        self.questions = 0
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        end = data.index(b"\0", 12) + 5  # after the name: its type and class
        question = data[12:end]
        (kind,) = struct.unpack(">H", question[-4:-2])
        found = self.addresses if kind == _A else ()
        self.questions += kind == _A
        answers = b"".join(
            struct.pack(">HHHIH", 0xC00C, _A, _IN, 0, 4) + IPv4Address(address).packed for address in found
        )
        self._transport.sendto(
            data[:2] + struct.pack(">HHHHH", _ANSWER, 1, len(found), 0, 0) + question + answers, addr
        )


@asynccontextmanager
async def name_server() -> AsyncIterator[tuple[NameServer, int]]:
    """The server and its UDP port, until the block ends."""
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        NameServer, local_addr=("127.0.0.1", 0)
    )
    try:
        yield server, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()
