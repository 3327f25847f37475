"""The kept streams of one channel: one to each process that its address leads to."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio

from shared.observe.logs import logger
from shared.rpc.kept.stream import KeptStream

#: Between two looks for processes that no stream leads to, s: new replicas, and at first those that take turns.
LOOK_SECONDS = 10.0
#: After none could be opened, s.
RETRY_SECONDS = 1.0
#: After a stream ended, before another is opened: a server that stops is not asked again at once, s.
PAUSE_SECONDS = 0.1
#: Longest wait for a server's welcome, s.
OPEN_SECONDS = 5.0

log = logger(__name__)


class OpenStreams:
    """Opened by ``begin``, from the first call on; ``connections`` take turns at that, several of which may lead to one
    process.
    """

    def __init__(self, begin: Callable[[], Any], connections: int = 1) -> None:
        self._begin = begin
        self._connections = connections
        self._turns: deque[KeptStream] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._looking: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._refused = ""

    def take(self) -> KeptStream | None:
        """One that has room for a call, in turn; None: there is none.

        None, too, while one of the peer's processes knows no such streams: calls would all go to the others.
        """
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        if not self._refused:
            for _ in range(len(self._turns)):
                self._turns.rotate(-1)
                if self._turns[-1].has_room:
                    return self._turns[-1]
        return None

    async def close(self) -> None:
        """Ends them all."""
        tasks = {*self._running, *([self._looking] if self._looking else ())}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _look(self) -> None:
        while True:
            self._changed.clear()
            pause = LOOK_SECONDS if await self._find_all() else RETRY_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._changed.wait()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _find_all(self) -> bool:
        """Opens streams until each in turn leads where one leads already; whether the peer could be asked."""
        known = 0
        while known < max(len(self._turns), self._connections):
            stream = KeptStream(self._begin(), self._changed.set)
            refused = await _refusal(stream)
            if refused is grpc.StatusCode.UNAVAILABLE:
                return False
            if refused:
                self._tell(refused.name)
                return True
            known = known + 1 if self._leads_to(stream.instance) else 0
            if known:
                stream.leave()
            else:
                self._turns.append(stream)
            running = asyncio.create_task(self._run(stream))
            self._running.add(running)
            running.add_done_callback(self._running.discard)
        self._tell("")
        return True

    def _leads_to(self, instance: str) -> bool:
        return any(stream.instance == instance and not stream.leaving for stream in self._turns)

    async def _run(self, stream: KeptStream) -> None:
        try:
            await stream.run()
        finally:
            stream.end()
            if stream in self._turns:
                self._turns.remove(stream)
                self._changed.set()

    def _tell(self, refused: str) -> None:
        """A server of the release before is no fault."""
        if refused != self._refused:
            log.info("calls go one by one" if refused else "calls go by kept streams", reason=refused)
        self._refused = refused


async def _refusal(stream: KeptStream) -> grpc.StatusCode | None:
    """Why it cannot be opened; None: it is open."""
    try:
        async with asyncio.timeout(OPEN_SECONDS):
            await stream.open()
    except grpc.aio.AioRpcError as error:
        stream.end()
        return error.code()
    except TimeoutError:
        stream.end()
        return grpc.StatusCode.UNAVAILABLE
    return None
