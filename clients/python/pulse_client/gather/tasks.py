"""Gathering among the tasks of one event loop: the twin of :mod:`pulse_client.gather.threads`.

A send that goes alone is called by its own task; a batch is nobody's, and has a task of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from copy import copy
from typing import Protocol, TypeVar

from pulse_client import calls
from pulse_client.errors import PulseError
from pulse_client.gather import waiting
from pulse_client.gather.waiting import Ask, Waiting
from pulse_client.models import Sent
from pulse_client.request import Built

Result = TypeVar("Result")


class MakeCall(Protocol):
    """Makes one call; raises PulseError. ``timeout`` in s; None: it has no end."""

    async def __call__(self, call: calls.Call[Result], timeout: float | None) -> Result: ...  # noqa: ASYNC109


class _Ask(Ask):
    """A send whose task waits."""

    def __init__(self, built: Built, timeout: float | None) -> None:
        super().__init__(built, timeout)
        self.begin()

    def begin(self) -> None:
        """Another try."""
        self.is_over = False
        #: None: it is to make its call itself.
        self.answer: asyncio.Future[Sent | PulseError | None] = asyncio.get_running_loop().create_future()
        #: Whether a call is kept free for it.
        self.is_alone = False
        self.batch: _Batch | None = None

    def settle(self, outcome: Sent | PulseError | None) -> None:
        if not self.answer.done():
            self.answer.set_result(outcome)

    def is_late(self) -> None:
        """Its time is up, whatever becomes of its call."""
        self.settle(waiting.too_late())


class _Batch:
    """Sends that go together, and the task that makes their call."""

    def __init__(self, asks: list[_Ask], task: asyncio.Task[None]) -> None:
        self._wanted = len(asks)
        self._task = task
        for ask in asks:
            ask.batch = self

    def leave(self) -> None:
        """One of them is over; a call that nobody waits for any more is ended."""
        self._wanted -= 1
        if not self._wanted:
            self._task.cancel()


class AsyncGatherer:
    """Sends for any number of tasks."""

    def __init__(self, call: MakeCall) -> None:
        self._call = call
        self._waiting = Waiting[_Ask]()
        self._under_way = 0
        self._closing = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def send(self, built: Built, timeout: float | None) -> Sent:  # noqa: ASYNC109  # gRPC's deadline
        """The answer to this request; raises PulseError."""
        ask = _Ask(built, timeout)
        while True:
            outcome = await self._outcome(ask)
            if isinstance(outcome, Sent):
                return outcome
            pause = ask.pause(outcome)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), pause)
                raise waiting.closed()
            ask.begin()

    def close(self) -> None:
        """Ends what waits, also to be tried again; what is under way ends with its connection."""
        self._closing.set()
        for ask in self._waiting.clear():
            ask.is_last_try()
            ask.settle(waiting.closed())

    async def closed(self) -> None:
        """Returns when nothing is under way any more."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _outcome(self, ask: _Ask) -> Sent | PulseError:
        self._waiting.add(ask)
        self._launch()
        left = ask.remaining
        timer = None if left is None else asyncio.get_running_loop().call_later(left, ask.is_late)
        try:
            outcome = await ask.answer
            if outcome is None:
                return await self._call(calls.send(ask.built), ask.remaining)
            return outcome
        finally:
            if timer:
                timer.cancel()
            ask.is_over = True
            if ask.is_alone:
                self._end()
            elif ask.batch:
                ask.batch.leave()

    def _launch(self) -> None:
        """Begins what can go now, after all that is ready to run has had its turn to send something, too."""
        if self._waiting and self._under_way < waiting.MOST_IN_FLIGHT:
            self._under_way += 1
            asyncio.get_running_loop().call_soon(self._begin)

    def _begin(self) -> None:
        batch = self._waiting.take()
        if not batch:
            self._end()
        elif waiting.goes_alone(batch):
            batch[0].is_alone = True
            batch[0].settle(None)
        else:
            # What traces calls counts it as none of theirs.
            task = asyncio.get_running_loop().create_task(self._run(batch), context=contextvars.Context())
            _Batch(batch, task)
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._end()

    def _end(self) -> None:
        self._under_way -= 1
        self._launch()

    async def _run(self, batch: list[_Ask]) -> None:
        """Makes a call that is everyone's; so is its failure, to each as an error of its own."""
        try:
            gathered = calls.send_batch([ask.built for ask in batch], gathered=True)
            outcomes = await self._call(gathered, waiting.remaining(batch))
        except PulseError as error:
            for ask in batch:
                ask.is_last_try()
                ask.settle(copy(error))
        except Exception:  # no gateway's answer: each finds out for itself
            for ask in batch:
                ask.settle(None)
        else:
            for ask, outcome in zip(batch, outcomes, strict=True):
                ask.settle(outcome)
