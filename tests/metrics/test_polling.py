"""Figures that are asked for when somebody scrapes."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from shared.errors import Code, PulseError
from shared.observe.metrics_polling import Polled


class Source:
    """Answers with how often it was asked, unless told otherwise."""

    def __init__(self) -> None:
        self.asked = 0
        self.error: Exception | None = None
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def fetch(self) -> int:
        self.asked += 1
        await self.may_answer.wait()
        if self.error:
            raise self.error
        return self.asked


def show(figure: int) -> Iterator[Metric]:
    yield GaugeMetricFamily("figure", "A figure.", figure)


def polled(source: Source, every: float = 0.0, wait: float = 5.0) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(Polled("test", source.fetch, show, every=every, wait=wait))
    return registry


async def seen(registry: CollectorRegistry) -> dict[str, float]:
    """One scrape, in a thread as the real ones."""
    families = await asyncio.to_thread(lambda: list(registry.collect()))
    return {sample.name: sample.value for family in families for sample in family.samples}


async def test_nothing_is_asked_while_nobody_scrapes() -> None:
    source = Source()
    registry = polled(source)
    assert source.asked == 0
    assert (await seen(registry))["figure"] == 1


async def test_scrapes_close_together_share_an_answer() -> None:
    source = Source()
    registry = polled(source, every=60)
    scrapes = await asyncio.gather(*(seen(registry) for _ in range(5)))
    assert [one["figure"] for one in scrapes] == [1] * 5
    assert source.asked == 1


async def test_a_failure_shows_the_last_figures_and_their_age() -> None:
    source = Source()
    registry = polled(source)
    await seen(registry)
    source.may_answer.clear()
    asyncio.get_running_loop().call_later(0.1, source.may_answer.set)
    for error in (PulseError(Code.UNAVAILABLE, "AWAY", "it is away"), ZeroDivisionError()):
        source.error = error
        found = await seen(registry)
        assert found["figure"] == 1
        assert found["pulse_figures_age_seconds"] >= 0.1


async def test_before_the_first_answer_there_are_no_figures() -> None:
    source = Source()
    source.error = PulseError(Code.UNAVAILABLE, "AWAY", "it is away")
    assert await seen(polled(source)) == {}


async def test_a_scrape_does_not_wait_for_a_slow_answer_which_serves_the_next_one() -> None:
    source = Source()
    source.may_answer.clear()
    registry = polled(source, wait=0.1)
    began = time.monotonic()
    assert await seen(registry) == {}
    assert await seen(registry) == {}
    assert time.monotonic() - began < 5
    assert source.asked == 1
    source.may_answer.set()
    assert (await seen(registry))["figure"] == 1


async def test_a_question_that_costs_much_is_asked_less_often() -> None:
    source = Source()
    source.may_answer.clear()
    registry = polled(source)
    threading.Timer(
        0.2, lambda loop: loop.call_soon_threadsafe(source.may_answer.set), [asyncio.get_running_loop()]
    ).start()
    assert (await seen(registry))["figure"] == 1
    assert (await seen(registry))["figure"] == 1
    assert source.asked == 1
