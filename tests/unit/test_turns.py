"""Heavy work goes one piece at a time, owners in rotation, with the loop free between pieces."""

from __future__ import annotations

import asyncio
import time

import pytest

from shared.turns import LIGHT_SECONDS, Turns


def busy(seconds: float) -> None:
    """Keeps the loop for so long."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


async def test_owners_take_turns_however_much_each_asks_for() -> None:
    turns, order = Turns(), []

    async def ask(owner: str, n: int) -> None:
        await turns.take(owner, lambda: order.append(f"{owner}{n}") or busy(2 * LIGHT_SECONDS))

    await asyncio.gather(*(ask("a", n) for n in range(5)), ask("b", 0), ask("c", 0))
    assert order == ["a0", "a1", "b0", "c0", "a2", "a3", "a4"]


async def test_the_loop_is_free_for_as_long_as_a_piece_took() -> None:
    turns, free, ended = Turns(), [0.0], asyncio.Event()

    async def other() -> None:
        while not ended.is_set():
            began = time.perf_counter()
            await asyncio.sleep(0)
            took = time.perf_counter() - began
            free[0] += took if took < 0.01 else 0.0

    light = asyncio.create_task(other())
    await asyncio.gather(*(turns.take("a", lambda: busy(0.02)) for _ in range(6)))
    ended.set()
    await light
    assert free[0] > 0.05  # of the five times 0.02 between them; others are on the machine


async def test_what_is_light_is_followed_at_once() -> None:
    turns = Turns()
    assert await asyncio.gather(*(turns.take("a", lambda n=n: n) for n in range(100))) == [*range(100)]


async def test_an_error_ends_a_turn_as_a_result_does() -> None:
    turns = Turns()
    with pytest.raises(ZeroDivisionError):
        await turns.take("a", lambda: 1 / 0)
    assert await turns.take("a", lambda: 1) == 1


async def test_one_who_gives_up_holds_up_nobody() -> None:
    turns = Turns()
    first = asyncio.create_task(turns.take("a", lambda: busy(0.02)))
    gone = [asyncio.create_task(turns.take("b", lambda: 1)) for _ in range(3)]
    late = asyncio.create_task(turns.take("c", lambda: 2))
    await first
    for task in gone:
        task.cancel()
    assert await late == 2
    assert await turns.take("b", lambda: 3) == 3


async def test_one_who_gives_up_just_when_the_turn_came_passes_it_on() -> None:
    turns = Turns()
    first = asyncio.create_task(turns.take("a", lambda: busy(0.005)))
    gone = asyncio.create_task(turns.take("b", lambda: 1))
    late = asyncio.create_task(turns.take("c", lambda: 2))
    pass_on = turns._next

    def pass_on_and_cancel() -> None:
        pass_on()
        gone.cancel()

    turns._next = pass_on_and_cancel  # type: ignore[method-assign]
    await first
    assert await late == 2
    assert gone.cancelled()
