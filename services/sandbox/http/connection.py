"""What a fault does to a connection, whatever protocol runs on it."""

from __future__ import annotations

import asyncio
import itertools
import socket
import struct


async def drip(transport: asyncio.WriteTransport, text: bytes, every_s: float) -> None:
    """Says ``text`` a byte at a time, and its last byte again and again; returns once the connection is closed."""
    for byte in itertools.chain(text, itertools.repeat(text[-1])):
        if transport.is_closing():
            return
        transport.write(bytes([byte]))
        await asyncio.sleep(every_s)


def reset(transport: asyncio.WriteTransport) -> None:
    """Ends the connection with a TCP reset, so that the peer sees ECONNRESET and no orderly end."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        # Lingering on, for no time: close() then sends RST (socket(7), SO_LINGER).
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
