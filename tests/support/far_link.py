"""A TCP proxy that makes a server of this machine look far away, behind TLS, or both."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from urllib.parse import urlsplit


class FarLink:
    """Passes bytes on, each ``delay`` s later; a new connection's first ones another ``first_delay`` s later."""

    def __init__(self, target_port: int, delay: float, first_delay: float, tls: ssl.SSLContext | None) -> None:
        self._target_port = target_port
        self._first_delay = first_delay
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.delay = delay
        self.connections = 0  # that were ever made

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)

    def cut(self) -> None:
        """Closes every connection that there is; others may come."""
        for task in self._tasks:
            task.cancel()

    async def stop(self) -> None:
        """Closes the port and every connection."""
        assert self._server is not None
        self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        there, behind = await asyncio.open_connection("127.0.0.1", self._target_port)
        pumps = [
            asyncio.ensure_future(self._pump(reader, behind, self._first_delay)),
            asyncio.ensure_future(self._pump(there, writer, 0)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:  # the link stops; asyncio's streams would complain of it
            pass
        finally:
            for pump in pumps:
                pump.cancel()
            writer.close()
            behind.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, first_delay: float) -> None:
        """In order, without making one piece wait for the delay of another."""
        loop = asyncio.get_running_loop()
        earliest = loop.time() + first_delay
        with contextlib.suppress(OSError):
            while data := await source.read(64 * 1024):
                loop.call_at(max(loop.time(), earliest) + self.delay, _write, sink, data)


def _write(sink: asyncio.StreamWriter, data: bytes) -> None:
    if not sink.is_closing():
        sink.write(data)


@contextlib.asynccontextmanager
async def far_link(
    target_port: int, *, delay: float = 0.0, first_delay: float = 0.0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[FarLink]:
    """A running link to a port of this machine."""
    link = FarLink(target_port, delay, first_delay, tls)
    await link.start()
    try:
        yield link
    finally:
        await link.stop()


def through(port: int, url: str, scheme: str = "redis") -> str:
    """The address ``url``, with its password and database, by way of another port of this machine."""
    parts = urlsplit(url)
    login = parts.netloc.rpartition("@")[0]
    return f"{scheme}://{login}@127.0.0.1:{port}{parts.path}"
