"""A provider whose library blocks: its calls run in threads of their own."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from services.delivery.providers.base.call import Call, calling
from services.delivery.rules.provider import Outcome, Outgoing, released, transient, unanswered
from shared.observe.logs import logger

#: A call that goes on for so long after its deadline is given up, and its thread is replaced, s.
GRACE_SECONDS = 0.25

log = logger(__name__)


class Blocking(Protocol):
    """What :class:`services.delivery.providers.base.blocking.BlockingProvider` offers."""

    @property
    def name(self) -> str: ...

    @property
    def channel(self) -> str: ...

    @property
    def concurrency(self) -> int: ...

    def send(self, outgoing: Outgoing, deadline: float) -> Outcome: ...

    def close(self) -> None: ...


@dataclass(slots=True)
class _Job:
    outgoing: Outgoing
    deadline: float
    ended: asyncio.Future[Outcome]
    call: Call | None = None  # once a thread has begun with it
    given_up: bool = False


class ThreadedProvider:
    """Runs a blocking provider in as many threads as it has calls at once; threads start when first needed.

    A thread that hangs beyond its call's deadline, in a name server's silence say, is replaced; so many at the most as
    there are threads. Not ``ThreadPoolExecutor``: that wakes the loop for every call, which costs a third of an email,
    and at the end of the process it waits for threads that are stuck in a call.
    """

    def __init__(self, blocking: Blocking) -> None:
        self._blocking = blocking
        self.name = blocking.name
        self.channel = blocking.channel
        self.concurrency = blocking.concurrency
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._answers: deque[tuple[_Job, Outcome | Exception]] = deque()
        self._waking = False
        self._under_way = 0
        self._hanging = 0
        self._threads = 0

    async def send(self, outgoing: Outgoing, deadline: float) -> Outcome:
        loop = asyncio.get_running_loop()
        job = _Job(outgoing, deadline, loop.create_future())
        most = self.concurrency + min(self._hanging, self.concurrency)
        if self._under_way >= self._threads < most:
            self._threads += 1
            threading.Thread(target=self._work, args=(loop,), name=f"provider-{self.name}", daemon=True).start()
        self._under_way += 1
        self._jobs.put(job)
        overdue = loop.call_later(deadline + GRACE_SECONDS - time.monotonic(), self._give_up, job)
        try:
            return await job.ended
        finally:
            overdue.cancel()

    async def close(self) -> None:
        """Does not wait for a thread that is stuck in a call."""
        for _ in range(self._threads):
            self._jobs.put(None)
        await asyncio.to_thread(self._blocking.close)  # firebase-admin starts a loop of its own to close

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        while (job := self._jobs.get()) is not None:
            self._answers.append((job, self._answer(job)))
            # One wake-up serves all answers until the loop has come round. Two threads at this line at once make one
            # too many, never one too few: the flag falls before the answers are taken.
            if not self._waking:
                self._waking = True
                _wake(loop, self._take_answers)

    def _answer(self, job: _Job) -> Outcome | Exception:
        with calling(job.deadline, job.outgoing.traceparent) as call:
            job.call = call
            if job.given_up:
                return _NOT_BEGUN
            try:
                return self._blocking.send(job.outgoing, job.deadline)
            except Exception as error:
                return error

    def _take_answers(self) -> None:
        self._waking = False
        while self._answers:
            job, answer = self._answers.popleft()
            self._under_way -= 1
            self._hanging -= job.given_up
            if job.ended.done():
                continue
            if isinstance(answer, Exception):
                job.ended.set_exception(answer)
            else:
                job.ended.set_result(answer)

    def _give_up(self, job: _Job) -> None:
        """What is known of a call that does not end. Its sockets let no byte out after its deadline."""
        if job.ended.done():
            return
        job.given_up = True
        self._hanging += 1
        log.error("provider call hangs", provider=self.name, hanging=self._hanging)
        if job.call is None:
            job.ended.set_result(_NOT_BEGUN)
        elif job.call.sent:
            job.ended.set_result(unanswered("CALL_OVERDUE", "the provider did not answer in time"))
        else:
            job.ended.set_result(transient("CALL_OVERDUE", "the provider could not be asked in time"))


#: How long a call that found no thread waits, s: those who hold them may have come back by then.
_PAUSE_SECONDS = 5.0
_NOT_BEGUN = released("PROVIDER_STALLED", "all calls to the provider hang", _PAUSE_SECONDS)


def _wake(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has closed: the worker stopped without this call
        loop.call_soon_threadsafe(callback)
