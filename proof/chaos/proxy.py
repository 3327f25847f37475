"""Link: a TCP proxy between two parts of a suite that can hold bytes back, go silent, and reset."""

from __future__ import annotations

import asyncio
import enum
import socket
import struct

CHUNK = 64 * 1024


class Direction(enum.StrEnum):
    """Which way bytes go."""

    REQUEST = "request"  # from whoever connected
    ANSWER = "answer"


class Link:
    """Listens on a port of its own and passes everything on to ``host:port``, unless it is told otherwise.

    Held bytes stay in order and go out when they are released, whether or not their sender is still there: they were
    on the network. What goes silent is lost, and neither end is told.
    """

    def __init__(self, name: str, port: int, host: str = "127.0.0.1") -> None:
        self.name = name
        self.held = 0  # bytes that wait at this moment
        self._target = (host, port)
        self._open = {direction: asyncio.Event() for direction in Direction}
        self._silent = False
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        for gate in self._open.values():
            gate.set()

    @property
    def port(self) -> int:
        """Where it listens, once started."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)

    async def stop(self) -> None:
        """Closes the port and every connection."""
        assert self._server is not None
        self._server.close()
        self.reset()
        await asyncio.gather(*(one.task for one in self._connections), return_exceptions=True)

    def hold(self, direction: Direction) -> None:
        """Keeps what comes from now on."""
        self._open[direction].clear()

    def release(self) -> None:
        """Lets everything held go on its way."""
        for gate in self._open.values():
            gate.set()

    def silence(self) -> None:
        """Loses what is held and whatever comes; new connections are taken, and get nothing."""
        self._silent = True
        for connection in self._connections:
            connection.dead = True
        self.release()

    def mend(self) -> None:
        """Ends a silence. Connections it hit are reset, as by a peer that has forgotten them."""
        self._silent = False
        self.release()
        for connection in [one for one in self._connections if one.dead]:
            connection.reset()

    def reset(self) -> None:
        """Resets every connection; what was held is lost."""
        for connection in list(self._connections):
            connection.reset()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(writer, dead=self._silent)
        self._connections.add(connection)
        try:
            await connection.run(self, reader, self._target)
        finally:
            self._connections.discard(connection)

    async def pass_on(
        self, connection: _Connection, source: asyncio.StreamReader, sink: asyncio.StreamWriter, direction: Direction
    ) -> None:
        """Passes one direction of a connection on until it ends."""
        while data := await source.read(CHUNK):
            gate = self._open[direction]
            if not gate.is_set():
                self.held += len(data)
                try:
                    await gate.wait()
                finally:
                    self.held -= len(data)
            if not connection.dead and not sink.is_closing():
                sink.write(data)
                await sink.drain()
        if not connection.dead and not sink.is_closing():
            sink.write_eof()


class _Connection:
    """One connection through a link, and the one behind it."""

    def __init__(self, writer: asyncio.StreamWriter, *, dead: bool) -> None:
        self.dead = dead
        self._writers = [writer]
        task = asyncio.current_task()
        assert task is not None
        self.task = task

    async def run(self, link: Link, reader: asyncio.StreamReader, target: tuple[str, int]) -> None:
        pumps: list[asyncio.Task[None]] = []
        try:
            there, behind = await asyncio.open_connection(*target)
            self._writers.append(behind)
            front = self._writers[0]
            pumps = [
                asyncio.create_task(link.pass_on(self, reader, behind, Direction.REQUEST)),
                asyncio.create_task(link.pass_on(self, there, front, Direction.ANSWER)),
            ]
            await asyncio.gather(*pumps)
        except (OSError, asyncio.CancelledError):
            self._linger_no_more()
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for writer in self._writers:
                writer.close()

    def reset(self) -> None:
        """Ends both sides with RST."""
        self._linger_no_more()
        self.task.cancel()

    def _linger_no_more(self) -> None:
        for writer in self._writers:
            sock = writer.get_extra_info("socket")
            if sock is not None and sock.fileno() >= 0:
                # Lingering on, for no time: close() then sends RST (socket(7), SO_LINGER).
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
