"""A proxy before PostgreSQL that drops startup options, as poolers do that were told to ignore them."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator

from sqlalchemy import make_url

_SSL_REQUEST, _GSS_REQUEST = 80877103, 80877104


@contextlib.asynccontextmanager
async def dropping_options(url: str) -> AsyncIterator[str]:
    """The same database by way of the proxy."""
    target = make_url(url)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward = await asyncio.open_connection(target.host, target.port)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            onward[1].write(_without_options(await _startup(reader, writer)))
            await asyncio.gather(_copy(reader, onward[1]), _copy(onward[0], writer))
        writer.close()
        onward[1].close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield target.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)
    finally:
        server.close()


async def _startup(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """The startup message's body; encryption is declined."""
    while True:
        (length,) = struct.unpack("!i", await reader.readexactly(4))
        body = await reader.readexactly(length - 4)
        if struct.unpack("!i", body[:4])[0] not in (_SSL_REQUEST, _GSS_REQUEST):
            return body
        writer.write(b"N")


def _without_options(body: bytes) -> bytes:
    words = body[4:].rstrip(b"\0").split(b"\0")
    pairs = [(name, value) for name, value in zip(words[::2], words[1::2], strict=True) if name != b"options"]
    kept = body[:4] + b"".join(name + b"\0" + value + b"\0" for name, value in pairs) + b"\0"
    return struct.pack("!i", len(kept) + 4) + kept


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()
