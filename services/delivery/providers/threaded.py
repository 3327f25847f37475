"""A provider whose library blocks: its calls run in threads of their own."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from services.delivery.providers.base import Outcome, Outgoing


class BlockingProvider(Protocol):
    """As :class:`services.delivery.providers.base.Provider`, in blocking calls, from several threads at once."""

    @property
    def name(self) -> str: ...

    @property
    def channel(self) -> str: ...

    @property
    def concurrency(self) -> int: ...

    def send(self, outgoing: Outgoing, deadline: float) -> Outcome: ...

    def close(self) -> None: ...


@dataclass(slots=True)
class _Call:
    outgoing: Outgoing
    deadline: float
    ended: asyncio.Future[Outcome]


class ThreadedProvider:
    """Runs a blocking provider in as many threads as it has calls at once; threads start when first needed.

    Not ``ThreadPoolExecutor``: that wakes the loop for every call, which costs a third of an email, and at the end
    of the process it waits for threads that are stuck in a call.
    """

    def __init__(self, blocking: BlockingProvider) -> None:
        self._blocking = blocking
        self.name = blocking.name
        self.channel = blocking.channel
        self.concurrency = blocking.concurrency
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._answers: deque[tuple[_Call, Outcome | Exception]] = deque()
        self._waking = False
        self._under_way = 0
        self._threads = 0

    async def send(self, outgoing: Outgoing, deadline: float) -> Outcome:
        loop = asyncio.get_running_loop()
        call = _Call(outgoing, deadline, loop.create_future())
        if self._under_way == self._threads < self.concurrency:
            self._threads += 1
            threading.Thread(target=self._work, args=(loop,), name=f"provider-{self.name}", daemon=True).start()
        self._under_way += 1
        self._calls.put(call)
        return await call.ended

    async def close(self) -> None:
        """Does not wait for a thread that is stuck in a call."""
        for _ in range(self._threads):
            self._calls.put(None)
        await asyncio.to_thread(self._blocking.close)  # firebase-admin starts a loop of its own to close

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        while (call := self._calls.get()) is not None:
            answer: Outcome | Exception
            try:
                answer = self._blocking.send(call.outgoing, call.deadline)
            except Exception as error:
                answer = error
            self._answers.append((call, answer))
            # One wake-up serves all answers until the loop has come round. Two threads at this line at once make one
            # too many, never one too few: the flag falls before the answers are taken.
            if not self._waking:
                self._waking = True
                _wake(loop, self._take_answers)

    def _take_answers(self) -> None:
        self._waking = False
        while self._answers:
            call, answer = self._answers.popleft()
            self._under_way -= 1
            if call.ended.done():
                continue
            if isinstance(answer, Exception):
                call.ended.set_exception(answer)
            else:
                call.ended.set_result(answer)


def _wake(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has closed: the worker stopped without this call
        loop.call_soon_threadsafe(callback)
