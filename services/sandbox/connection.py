"""What a fault does to a connection, whatever protocol runs on it."""

from __future__ import annotations

import asyncio
import socket
import struct


def reset(transport: asyncio.WriteTransport) -> None:
    """Ends the connection with a TCP reset, so that the peer sees ECONNRESET and no orderly end."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        # Lingering on, for no time: close() then sends RST (socket(7), SO_LINGER).
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
