"""Figures that are asked for when somebody scrapes: nothing is asked while nobody looks."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Generic, TypeVar

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from shared.observe.logs import logger

#: Time between two questions, s; or so many times what the last answer took, if that is more: however slow the
#: question gets, its share of the answerer's time stays below 1 in :data:`SPARE`.
EVERY = 5.0
SPARE = 20
#: Longest time a scrape waits for an answer, s. One that comes later serves the next scrape.
WAIT = 2.0

Figures = TypeVar("Figures")
log = logger(__name__)


class Polled(Collector, Generic[Figures]):
    """Asks ``fetch`` in the event loop it was made in, from the scraping thread; ``show`` makes metrics of the answer.

    Without an answer the last one is shown again; ``pulse_figures_age_seconds{source}`` tells how old it is.
    """

    def __init__(
        self,
        source: str,
        fetch: Callable[[], Awaitable[Figures]],
        show: Callable[[Figures], Iterable[Metric]],
        *,
        every: float = EVERY,
        wait: float = WAIT,
    ) -> None:
        self._source = source
        self._fetch = fetch
        self._show = show
        self._every = every
        self._wait = wait
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._question: concurrent.futures.Future[None] | None = None
        self._ask_again_at = 0.0
        self._answer: tuple[Figures, float] | None = None  # and when it came

    def describe(self) -> Iterable[Metric]:
        """Nothing: to be registered must not ask."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """The newest figures; blocks for ``wait`` s at the most."""
        self._refresh()
        if self._answer is None:
            return
        figures, came_at = self._answer
        yield from self._show(figures)
        age = GaugeMetricFamily(
            "pulse_figures_age_seconds", "Age of figures that were asked for elsewhere.", labels=["source"]
        )
        age.add_metric([self._source], time.monotonic() - came_at)
        yield age

    def _refresh(self) -> None:
        with self._lock:
            if self._question is None or self._question.done():
                if time.monotonic() < self._ask_again_at:
                    return
                self._question = asyncio.run_coroutine_threadsafe(self._ask(), self._loop)
            question = self._question
        concurrent.futures.wait([question], self._wait)

    async def _ask(self) -> None:
        began = time.monotonic()
        try:
            self._answer = await self._fetch(), time.monotonic()
        except Exception as error:
            # Whatever it was, the other metrics are still true; the age of these tells the rest.
            log.warning("figures not had", source=self._source, kind=type(error).__name__)
        now = time.monotonic()
        self._ask_again_at = now + max(self._every, SPARE * (now - began))
