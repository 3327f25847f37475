"""Requests that never end: callers who begin to send and keep the rest for themselves."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

import h2.config
import h2.connection
import h2.events
import h2.exceptions

_PIECE = b"x" * 65_536
_ANSWERS = (h2.events.ResponseReceived, h2.events.TrailersReceived)
#: How long a server may leave a caller waiting before this one holds what it has, s.
_PATIENCE = 0.5


@dataclass
class Held:
    """A request that is not ended."""

    writer: asyncio.StreamWriter
    sent: int
    #: The first bytes that came back; empty: none.
    answer: bytes


async def _first_bytes(reader: asyncio.StreamReader) -> bytes:
    with contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(_PATIENCE):
            return await reader.read(4096)
    return b""


async def rest_body(
    port: int, headers: Mapping[str, str], path: str, size: int, *, method: str = "POST", chunked: bool = False
) -> Held:
    """All but the last byte of a request's body over HTTP/1.1."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    told = {"host": "pulse", "content-type": "application/json", **headers}
    told |= {"transfer-encoding": "chunked"} if chunked else {"content-length": str(size)}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in told.items()), "", ""]
    writer.write("\r\n".join(lines).encode())
    sent = 0
    with contextlib.suppress(ConnectionError, TimeoutError):
        while sent < size - 1:
            piece = _PIECE[: size - 1 - sent]
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
            async with asyncio.timeout(_PATIENCE):
                await writer.drain()
            sent += len(piece)
    return Held(writer, sent, await _first_bytes(reader))


class _Connection:
    """An HTTP/2 connection that heeds windows, as any client's library would."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.http2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self.http2.initiate_connection()

    async def hear(self) -> bytes:
        """Headers of an answer that came within the patience, a line each; raises ConnectionError or TimeoutError if
        nothing came.
        """
        self.writer.write(self.http2.data_to_send())
        async with asyncio.timeout(_PATIENCE):
            heard = await self.reader.read(65_536)
        if not heard:
            raise ConnectionError
        events = self.http2.receive_data(heard)
        told = [event.headers for event in events if isinstance(event, _ANSWERS)]
        return b"".join(b"%s: %s\n" % header for headers in told for header in headers)


async def grpc_messages(
    port: int, headers: Mapping[str, str], path: str, size: int, streams: int = 1
) -> Sequence[Held]:
    """All but the last byte of a message of ``size`` bytes on each stream of one connection."""
    connection = _Connection(*await asyncio.open_connection("127.0.0.1", port))
    with contextlib.suppress(ConnectionError, TimeoutError):
        await connection.hear()
    return [await _message(connection, 2 * n + 1, headers, path, size) for n in range(streams)]


async def _message(connection: _Connection, stream: int, headers: Mapping[str, str], path: str, size: int) -> Held:
    http2 = connection.http2
    told = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "pulse", "te": "trailers"}
    http2.send_headers(stream, [*{**told, "content-type": "application/grpc", **headers}.items()])
    left, sent, answer = b"\0" + struct.pack(">I", size) + b"x" * (size - 1), 0, b""
    with contextlib.suppress(ConnectionError, TimeoutError, h2.exceptions.ProtocolError):
        while sent < len(left):
            room = min(http2.local_flow_control_window(stream), http2.max_outbound_frame_size, len(left) - sent)
            if room <= 0:
                answer += await connection.hear()
                continue
            http2.send_data(stream, left[sent : sent + room])
            connection.writer.write(http2.data_to_send())
            async with asyncio.timeout(_PATIENCE):
                await connection.writer.drain()
            sent += room
        while not answer:
            answer = await connection.hear()
    return Held(connection.writer, sent, answer)


@contextlib.asynccontextmanager
async def all_of(*groups: Sequence[Held]) -> AsyncIterator[list[Held]]:
    """Those of all groups, held until the block ends."""
    held = [one for group in groups for one in group]
    try:
        yield held
    finally:
        for one in held:
            one.writer.close()
