"""The routers that a worker waits at: each that its address names, as of what one accepts no other hears."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

import grpc.aio

from pulse.router.v1.router_service_pb2_grpc import RouterServiceStub
from services.delivery.ledger import HOPELESS
from services.delivery.worker.offers import Offers
from services.delivery.worker.router_stream import Read, RouterStream, WorkerState
from shared.errors import PulseError
from shared.observe.logs import logger
from shared.repeating import keep_running, repeat

if TYPE_CHECKING:
    from pulse.router.v1.router_service_pb2_grpc import RouterServiceAsyncStub

#: Routers that one worker waits at, at the most.
MOST_ROUTERS = 16
#: Between two looks at which there are, s.
LOOK = 5.0
#: Before a stream that ended is opened again, s: at first, at the most, and where the router has no such method or does
#: not let this worker call it.
FIRST_PAUSE, LONGEST_PAUSE, REFUSED_PAUSE = 0.1, 2.0, 30.0
#: What is under way is waited for so long when the worker stops, s.
LEAVE = 2.0

_HOST_AND_PORT = re.compile(r"(?:dns:(?:///)?)?(?P<host>[^/\[\]:]+|\[[0-9a-fA-F:.%]+\]):(?P<port>\d+)")

#: Opens a channel of its own to an address.
Open = Callable[[str], grpc.aio.Channel]

log = logger(__name__)


class Routers:
    """Keeps a stream open to each; ``most`` is what is offered to all of them together.

    ``connections``: so many streams are kept to each, where several processes share its address.
    """

    def __init__(
        self,
        target: str,
        open_channel: Open,
        offers: Offers,
        state: WorkerState,
        read: Read,
        *,
        most: int,
        connections: int = 1,
    ) -> None:
        self._target = target
        self._open_channel = open_channel
        self._offers = offers
        self._state = state
        self._read = read
        self._most = most
        self._connections = connections
        self._leaving = False
        self._kept: dict[tuple[int, str], _Kept] = {}
        self._left: list[_Kept] = []
        self._looking: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins, in the running loop."""
        self._looking = asyncio.create_task(repeat("looking for routers", self._look, LOOK))

    def leave(self) -> None:
        """Has nothing more claimed for this worker; what is under way still comes."""
        self._leaving = True
        for kept in self._kept.values():
            kept.leave()

    async def stop(self) -> None:
        """As :meth:`leave`; returns when nothing more comes."""
        self.leave()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})
        await asyncio.gather(*(kept.stop() for kept in (*self._kept.values(), *self._left)))

    async def _look(self) -> None:
        found = await addresses(self._target)
        if found is not None and not self._leaving:
            streams = [(number, address) for number in range(self._connections) for address in found]
            self._keep(streams[: min(MOST_ROUTERS * self._connections, self._most)])

    def _keep(self, found: list[tuple[int, str]]) -> None:
        """Waits at those that were found, by a numbered stream each, and leaves the others."""
        self._left = [kept for kept in self._left if not kept.ended]
        for stream in [stream for stream in self._kept if stream not in found]:
            self._left.append(self._kept.pop(stream))
            self._left[-1].leave()
        for stream in found:
            if stream not in self._kept:
                self._kept[stream] = _Kept(stream[1], self._open_channel(stream[1]), self._stream)
        for kept in self._kept.values():
            kept.offer(self._most // len(found))

    def _stream(self, stub: RouterServiceAsyncStub, most: int) -> RouterStream:
        return RouterStream(stub, self._offers, self._state, self._read, most)


class _Kept:
    """One router: the stream of now, and the next when that has ended."""

    def __init__(
        self, address: str, channel: grpc.aio.Channel, stream: Callable[[RouterServiceAsyncStub, int], RouterStream]
    ) -> None:
        self._address = address
        self._channel = channel
        self._stub: RouterServiceAsyncStub = RouterServiceStub(channel)
        self._make = stream
        self._most = 1
        self._stream: RouterStream | None = None
        self._leaving = asyncio.Event()
        self._running = asyncio.create_task(self._live())

    @property
    def ended(self) -> bool:
        """Whether nothing more comes from it."""
        return self._running.done()

    def offer(self, most: int) -> None:
        """So many at the most are offered to it from now on."""
        self._most = most
        if self._stream is not None:
            self._stream.most = most

    def leave(self) -> None:
        """As of :class:`Routers`."""
        self._leaving.set()
        if self._stream is not None:
            self._stream.leave()

    async def stop(self) -> None:
        """As of :class:`Routers`; what does not end by itself is cut off."""
        self.leave()
        _, still = await asyncio.wait({self._running}, timeout=LEAVE)
        for running in still:
            running.cancel()
            await asyncio.wait({running})

    async def _live(self) -> None:
        try:
            await keep_running("waiting at a router", self._wait, LONGEST_PAUSE)
        finally:
            await self._channel.close()

    async def _wait(self) -> None:
        pause, told = FIRST_PAUSE, ""
        while not self._leaving.is_set():
            self._stream = self._make(self._stub, self._most)
            try:
                await self._stream.run()
                pause, told = FIRST_PAUSE, ""
            except PulseError as error:
                told = self._tell(error, told)
                pause = REFUSED_PAUSE if error.code in HOPELESS else min(pause * 2, LONGEST_PAUSE)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), pause)

    def _tell(self, error: PulseError, told: str) -> str:
        """Says once why HIGH comes by Celery alone; a router of the release before is no fault."""
        why = error.code.name
        if why != told:
            log.info("no HIGH notifications from a router", router=self._address, reason=why)
        return why


async def addresses(target: str) -> list[str] | None:
    """Every address that a gRPC target names, in order; None: it cannot be told now."""
    named = _HOST_AND_PORT.fullmatch(target)
    if named is None:
        return [target]
    host, port = named["host"].strip("[]"), int(named["port"])
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return None
    return sorted({_address(family, place[0], place[1]) for family, _, _, _, place in found})


def _address(family: int, host: object, port: object) -> str:
    return f"[{host}]:{port}" if family == socket.AF_INET6 else f"{host}:{port}"
