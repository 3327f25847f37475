"""Group commit for calls: what comes in while a batch is under way goes out in the next one.

A lone request goes at once, no timer holds it up; under load batches grow by themselves, and the cost
of a hop is shared. Each request keeps its own outcome, its own deadline (a caller that gave up is
dropped from the batch before it goes) and its own place in the queue, which has an end: beyond it
callers are told to come back.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from shared.errors import Code, PulseError
from shared.packing import weightless
from shared.rpc import deadlines

Request = TypeVar("Request")
Response = TypeVar("Response")

#: Sends a batch; answers in the same order. An exception as an answer belongs to that request alone;
#: an exception raised belongs to all of the batch.
Send = Callable[[Sequence[Request]], Awaitable[Sequence[Response | PulseError]]]


class _Waiting(NamedTuple, Generic[Request, Response]):
    request: Request
    answer: asyncio.Future[Response]
    weight: int


class Gatherer(Generic[Request, Response]):
    """Gathers single requests into batch calls.

    ``max_batch`` requests, which ``weigh`` at most ``heaviest``, go in one call; one that is too heavy by itself goes
    alone. ``max_in_flight`` calls are under way at once: what comes in meanwhile makes the next one larger, and so
    cheaper. What fills a call gains nothing by waiting, and goes as long as no more than ``full_in_flight`` are under
    way. ``max_waiting`` requests may wait; the next one gets RESOURCE_EXHAUSTED with a retry time.
    """

    def __init__(
        self,
        send: Send[Request, Response],
        *,
        max_batch: int = 500,
        max_in_flight: int = 1,
        full_in_flight: int = 1,
        max_waiting: int = 10_000,
        weigh: Callable[[Request], int] = weightless,
        heaviest: int = 0,
    ) -> None:
        self._send = send
        self._max_batch = max_batch
        self._max_in_flight = max_in_flight
        self._full_in_flight = max(full_in_flight, max_in_flight)
        self._max_waiting = max_waiting
        self._weigh = weigh
        self._heaviest = heaviest
        self._waiting: deque[_Waiting[Request, Response]] = deque()
        self._weight = 0  # of all that waits
        self._under_way: set[asyncio.Task[None]] = set()
        self._is_gathering = False  # whether one of those under way has not taken its batch yet

    @property
    def waiting(self) -> int:
        """Requests that no batch has taken yet."""
        return len(self._waiting)

    async def submit(self, request: Request) -> Response:
        """The answer to ``request``; raises what its batch, or it alone, failed with.

        DEADLINE_EXCEEDED if the current deadline ends first: the batch may still go through.
        """
        if len(self._waiting) >= self._max_waiting:
            raise PulseError(
                Code.RESOURCE_EXHAUSTED, "OVERLOADED", "more requests wait than can be served", retry_after=1.0
            )
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Response] = loop.create_future()
        weight = self._weigh(request)
        self._waiting.append(_Waiting(request, answer, weight))
        self._weight += weight
        self._launch()
        # A timer that settles the answer itself: half as dear as asyncio.timeout, which cancels whoever waits.
        deadline = loop.call_later(deadlines.remaining(), _give_up, answer)
        try:
            return await answer
        finally:
            deadline.cancel()

    async def drain(self) -> None:
        """Returns when nothing waits and nothing is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    def _launch(self) -> None:
        """Starts a batch if there is something to send and room to send it."""
        room = self._full_in_flight if self._is_full() else self._max_in_flight
        if self._waiting and not self._is_gathering and len(self._under_way) < room:
            self._is_gathering = True
            # The batch is nobody's alone, and what it starts may outlive it: it inherits no caller's deadline.
            task = asyncio.create_task(self._run(), context=contextvars.Context())
            self._under_way.add(task)
            task.add_done_callback(self._finished)

    def _is_full(self) -> bool:
        """Whether what waits fills a batch."""
        return len(self._waiting) >= self._max_batch or 0 < self._heaviest <= self._weight

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._launch()

    async def _run(self) -> None:
        batch = self._take()
        self._is_gathering = False
        self._launch()
        if not batch:
            return
        try:
            answers = await self._send([one.request for one in batch])
        except PulseError as error:
            answers = [error] * len(batch)
        except Exception as error:
            for one in batch:
                if not one.answer.done():
                    one.answer.set_exception(error)
            return
        for one, outcome in zip(batch, answers, strict=True):
            _settle(one.answer, outcome)

    def _take(self) -> list[_Waiting[Request, Response]]:
        """The next batch, without those whose callers have given up."""
        batch: list[_Waiting[Request, Response]] = []
        weight = 0
        while self._waiting and len(batch) < self._max_batch:
            first = self._waiting[0]
            if not first.answer.done():
                weight += first.weight
                if batch and weight > self._heaviest:
                    break
                batch.append(first)
            self._weight -= self._waiting.popleft().weight
        return batch


def _give_up(answer: asyncio.Future[Response]) -> None:
    _settle(answer, PulseError(Code.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "no answer before the deadline"))


def _settle(answer: asyncio.Future[Response], outcome: Response | PulseError) -> None:
    if answer.done():
        return
    if isinstance(outcome, PulseError):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)
