"""The publisher: puts wake-ups on a lane's queue in Celery, off the answer's path.

What comes in while a publish is under way goes together in the next one. While the workers have tasks
enough, wake-ups are held until they fill one: larger tasks cost less for each notification.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pulse.ledger.v1.records_pb2 import Entry
from services.router.dispatch.celery_queue import BrokerUnavailableError, CeleryQueue
from services.router.dispatch.wake_spans import WakeSpans
from services.router.dispatch.window import Window
from services.router.outage import Outage
from shared.observe.metrics import Observe
from shared.observe.tracebacks import kind
from shared.observe.tracing import OFF
from shared.refs import Ref

#: Pause before a held chunk is looked at again, s: well below the time a worker needs for one task.
_HOLD = 0.01

Result = TypeVar("Result")


class Publisher:
    """Publishes for one lane; its window has a reservation for every id that :meth:`put` is given.

    ``published`` is told how many ids each task holds.
    """

    def __init__(
        self,
        queue: CeleryQueue,
        window: Window,
        *,
        lane: str,
        chunk: int,
        busy_tasks: int,
        published: Observe,
        spans: WakeSpans | None = None,
    ) -> None:
        self._queue = queue
        self._window = window
        self._chunk = chunk
        self._busy_tasks = busy_tasks
        self._published = published
        self._spans = spans or WakeSpans(OFF, lane)
        self._waiting: deque[Ref] = deque()
        self._draining = False
        self._filled = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"publish-{lane.lower()}")
        self.outage = Outage(f"broker ({lane})", "nothing is published; the ledger keeps what is due")

    def remember(self, entries: Iterable[Entry]) -> None:
        """These were recorded; their traces have a part in it whenever they are published."""
        self._spans.remember(entries)

    def put(self, refs: Sequence[Ref]) -> None:
        """Has ``refs``, for which the window has reservations, published soon. Returns at once."""
        self._spans.begin(refs)
        self._waiting.extend(refs)
        if self._waiting:
            self._idle.clear()
            self._filled.set()

    async def run(self) -> None:
        """Publishes until cancelled."""
        while True:
            await self._filled.wait()
            if await self._is_held():
                await asyncio.sleep(_HOLD)
                continue
            await self._publish(self._take())
            if not self._waiting:
                self._filled.clear()
                self._idle.set()

    async def measure(self) -> bool:
        """Tells the window how many tasks are queued; False if the broker cannot be reached."""
        tasks = await self._in_thread(self._queue.depth)
        if tasks is not None:
            self._window.measured(tasks)
        return tasks is not None

    async def drain(self) -> None:
        """Returns when nothing waits to be published; from now on nothing is held."""
        self._draining = True
        await self._idle.wait()

    async def close(self) -> None:
        """Closes the broker's connection; waits for a call under way, which is bounded."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._queue.close)
        self._thread.shutdown(wait=False)

    async def _is_held(self) -> bool:
        """Whether the workers have enough to do and what waits does not fill a task."""
        if self._draining or len(self._waiting) >= self._chunk or self._window.tasks < self._busy_tasks:
            return False
        return await self.measure() and self._window.tasks >= self._busy_tasks and len(self._waiting) < self._chunk

    def _take(self) -> list[Ref]:
        return [self._waiting.popleft() for _ in range(min(len(self._waiting), self._chunk))]

    async def _publish(self, refs: list[Ref]) -> None:
        if not refs:
            return
        traces = self._spans.of(id_ for _, id_ in refs)
        published = await self._in_thread(lambda: self._queue.publish(refs, traces))
        if published is None:
            self._drop(refs)
        else:
            self._window.published(published)
            self._published(published)
            self._spans.end(id_ for _, id_ in refs)

    def _drop(self, refs: list[Ref]) -> None:
        """Lets wake-ups go that cannot be published: the ledger hands them out again."""
        self._window.release(len(refs) + len(self._waiting))
        self._spans.end((id_ for _, id_ in (*refs, *self._waiting)), "BROKER_UNAVAILABLE")
        self._waiting.clear()

    async def _in_thread(self, call: Callable[[], Result]) -> Result | None:
        """The blocking call's answer; None if the broker could not be used, which closes the window."""
        try:
            answer = await asyncio.get_running_loop().run_in_executor(self._thread, call)
        except Exception as error:  # also what nobody foresaw: what was to be published must not keep its places
            self.outage.failed(str(error) if isinstance(error, BrokerUnavailableError) else kind(error))
            self._window.close()
            return None
        self.outage.worked()
        return answer
