"""Requests that arrive together travel together, and each keeps its own fate."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from shared.errors import Code, PulseError
from shared.gather import Gatherer
from shared.rpc import deadlines
from tests.support import eventually


class Hop:
    """A next hop that doubles numbers, refuses odd ones on request, and answers only when let go."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.refused: set[int] = set()
        self.broken: Exception | None = None

    async def send(self, batch: Sequence[int]) -> list[int | PulseError]:
        self.batches.append(list(batch))
        await self.open.wait()
        if self.broken:
            raise self.broken
        return [refusal() if n in self.refused else n * 2 for n in batch]


def refusal() -> PulseError:
    return PulseError(Code.NOT_FOUND, "ODD", "odd")


async def test_a_lone_request_goes_at_once_and_alone() -> None:
    hop = Hop()
    assert await Gatherer(hop.send).submit(21) == 42
    assert hop.batches == [[21]]


async def test_what_comes_while_a_batch_is_under_way_goes_in_the_next_one() -> None:
    hop = Hop()
    gatherer: Gatherer[int, int] = Gatherer(hop.send)
    hop.open.clear()
    first = asyncio.create_task(gatherer.submit(1))
    await eventually(lambda: hop.batches)
    rest = [asyncio.create_task(gatherer.submit(n)) for n in range(2, 8)]
    await eventually(lambda: gatherer.waiting == 6)
    hop.open.set()
    assert await asyncio.gather(first, *rest) == [2, 4, 6, 8, 10, 12, 14]
    assert hop.batches == [[1], [2, 3, 4, 5, 6, 7]]


async def test_a_batch_is_no_longer_than_allowed() -> None:
    hop = Hop()
    gatherer: Gatherer[int, int] = Gatherer(hop.send, max_batch=3)
    await asyncio.gather(*(gatherer.submit(n) for n in range(7)))
    assert [len(batch) for batch in hop.batches] == [3, 3, 1]


async def test_a_batch_weighs_no_more_than_allowed() -> None:
    """Here a number weighs as much as it says; one that is too heavy goes alone."""
    hop = Hop()
    gatherer: Gatherer[int, int] = Gatherer(hop.send, max_batch=3, weigh=lambda number: number, heaviest=10)
    hop.open.clear()
    first = asyncio.create_task(gatherer.submit(11))
    await eventually(lambda: hop.batches)
    given_up = asyncio.create_task(gatherer.submit(9))
    numbers = [4, 6, 1, 50, 9, 1, 1, 0, 0, 0, 10]
    sent = [asyncio.create_task(gatherer.submit(number)) for number in numbers]
    await eventually(lambda: gatherer.waiting == 12)
    given_up.cancel()
    await asyncio.wait({given_up})
    hop.open.set()
    assert await asyncio.gather(first, *sent) == [number * 2 for number in (11, *numbers)]
    assert hop.batches == [[11], [4, 6], [1], [50], [9, 1], [1, 0, 0], [0, 10]]


async def test_several_batches_may_be_under_way_at_once() -> None:
    hop = Hop()
    gatherer: Gatherer[int, int] = Gatherer(hop.send, max_in_flight=2)
    hop.open.clear()
    first = asyncio.create_task(gatherer.submit(1))
    await eventually(lambda: len(hop.batches) == 1)
    second = asyncio.create_task(gatherer.submit(2))
    await eventually(lambda: len(hop.batches) == 2)
    third = asyncio.create_task(gatherer.submit(3))
    await eventually(lambda: gatherer.waiting == 1)
    hop.open.set()
    assert await asyncio.gather(first, second, third) == [2, 4, 6]


async def submitted(gatherer: Gatherer[int, int], numbers: Sequence[int]) -> list[asyncio.Task[int]]:
    """Each by itself, in order."""
    tasks = [asyncio.create_task(gatherer.submit(number)) for number in numbers]
    await asyncio.sleep(0)
    return tasks


@pytest.mark.parametrize(
    ("full_in_flight", "numbers", "under_way"),
    [
        (1, 20, [[1]]),
        (2, 2, [[1]]),
        (2, 3, [[1]]),
        (2, 4, [[1], [2, 3, 4]]),
        (2, 20, [[1], [2, 3, 4]]),
        (3, 6, [[1], [2, 3, 4]]),
        (3, 7, [[1], [2, 3, 4], [5, 6, 7]]),
        (3, 20, [[1], [2, 3, 4], [5, 6, 7]]),
    ],
)
async def test_only_full_batches_go_beside_one_that_is_under_way(
    full_in_flight: int, numbers: int, under_way: list[list[int]]
) -> None:
    hop = Hop()
    gatherer: Gatherer[int, int] = Gatherer(hop.send, max_batch=3, full_in_flight=full_in_flight)
    hop.open.clear()
    first = await submitted(gatherer, [1])
    await eventually(lambda: hop.batches)
    rest = await submitted(gatherer, range(2, numbers + 1))
    await eventually(lambda: gatherer.waiting == numbers - sum(map(len, under_way)))
    assert hop.batches == under_way
    hop.open.set()
    assert await asyncio.gather(*first, *rest) == [number * 2 for number in range(1, numbers + 1)]


async def test_full_by_weight_is_full_too() -> None:
    hop = Hop()
    gatherer: Gatherer[int, int] = Gatherer(hop.send, weigh=lambda number: number, heaviest=10, full_in_flight=2)
    hop.open.clear()
    first = await submitted(gatherer, [1])
    await eventually(lambda: hop.batches)
    light = await submitted(gatherer, [4, 5])
    heavy = await submitted(gatherer, [6])
    await eventually(lambda: len(hop.batches) == 2)
    assert (hop.batches, gatherer.waiting) == ([[1], [4, 5]], 1)
    hop.open.set()
    assert await asyncio.gather(*first, *light, *heavy) == [2, 8, 10, 12]
    assert hop.batches == [[1], [4, 5], [6]]


async def test_those_who_gave_up_do_not_fill_a_batch_for_ever() -> None:
    hop = Hop()
    gatherer: Gatherer[int, int] = Gatherer(hop.send, weigh=lambda number: number, heaviest=10, full_in_flight=2)
    hop.open.clear()
    first = await submitted(gatherer, [1])
    await eventually(lambda: hop.batches)
    [given_up] = await submitted(gatherer, [9])
    given_up.cancel()
    await asyncio.wait({given_up})
    hop.open.set()
    assert await asyncio.gather(*first) == [2]
    await gatherer.drain()
    hop.open.clear()
    again = await submitted(gatherer, [1])
    await eventually(lambda: len(hop.batches) == 2)
    more = await submitted(gatherer, [5])
    hop.open.set()
    assert await asyncio.gather(*again, *more) == [2, 10]
    assert hop.batches == [[1], [1], [5]]


async def test_one_refused_request_does_not_fail_its_neighbours() -> None:
    hop = Hop()
    hop.refused = {2}
    gatherer: Gatherer[int, int] = Gatherer(hop.send)
    answers = await asyncio.gather(*(gatherer.submit(n) for n in (1, 2, 3)), return_exceptions=True)
    assert answers[0] == 2
    assert isinstance(answers[1], PulseError)
    assert answers[2] == 6


@pytest.mark.parametrize("error", [PulseError(Code.UNAVAILABLE, "DOWN", "down"), RuntimeError("bug")])
async def test_what_fails_the_batch_reaches_every_caller_and_the_next_batch_goes(error: Exception) -> None:
    hop = Hop()
    hop.broken = error
    gatherer: Gatherer[int, int] = Gatherer(hop.send)
    answers = await asyncio.gather(gatherer.submit(1), gatherer.submit(2), return_exceptions=True)
    assert answers == [error, error]
    hop.broken = None
    assert await gatherer.submit(3) == 6


async def test_a_caller_that_gave_up_is_not_sent() -> None:
    hop = Hop()
    gatherer: Gatherer[int, int] = Gatherer(hop.send)
    hop.open.clear()
    first = asyncio.create_task(gatherer.submit(1))
    await eventually(lambda: hop.batches)
    second, third = asyncio.create_task(gatherer.submit(2)), asyncio.create_task(gatherer.submit(3))
    await eventually(lambda: gatherer.waiting == 2)
    second.cancel()
    await eventually(second.done)
    hop.open.set()
    assert await asyncio.gather(first, third) == [2, 6]
    assert hop.batches == [[1], [3]]


async def test_each_caller_has_its_own_deadline() -> None:
    hop = Hop()
    gatherer: Gatherer[int, int] = Gatherer(hop.send)
    hop.open.clear()

    async def impatient() -> int:
        deadlines.start(0.05)
        return await gatherer.submit(1)

    patient = asyncio.create_task(gatherer.submit(2))
    with pytest.raises(PulseError) as caught:
        await asyncio.create_task(impatient())
    assert caught.value.code is Code.DEADLINE_EXCEEDED
    hop.open.set()
    assert await patient == 4


async def test_beyond_its_end_the_queue_refuses_and_says_when_to_come_back() -> None:
    hop = Hop()
    gatherer: Gatherer[int, int] = Gatherer(hop.send, max_waiting=2)
    hop.open.clear()
    first = asyncio.create_task(gatherer.submit(1))
    await eventually(lambda: hop.batches)
    waiting = [asyncio.create_task(gatherer.submit(n)) for n in (2, 3)]
    await eventually(lambda: gatherer.waiting == 2)
    with pytest.raises(PulseError) as caught:
        await gatherer.submit(4)
    assert (caught.value.code, caught.value.reason) == (Code.RESOURCE_EXHAUSTED, "OVERLOADED")
    assert caught.value.retry_after
    hop.open.set()
    await asyncio.gather(first, *waiting)


async def test_drain_waits_for_all_that_was_submitted() -> None:
    hop = Hop()
    gatherer: Gatherer[int, int] = Gatherer(hop.send, max_batch=1)
    tasks = [asyncio.create_task(gatherer.submit(n)) for n in range(5)]
    await eventually(lambda: hop.batches)
    await gatherer.drain()
    assert gatherer.waiting == 0
    assert await asyncio.gather(*tasks) == [0, 2, 4, 6, 8]


async def test_what_a_batch_starts_inherits_no_deadline() -> None:
    started: list[asyncio.Task[float]] = []

    async def left() -> float:
        return deadlines.remaining(default=-1.0)

    async def send(batch: Sequence[int]) -> list[int | PulseError]:
        started.append(asyncio.create_task(left()))
        return list(batch)

    async def with_deadline() -> None:
        deadlines.start(0.5)
        await Gatherer(send).submit(1)

    await asyncio.create_task(with_deadline())
    assert await started[0] == -1.0, "work that a batch leaves behind would fail once the caller's time is over"
