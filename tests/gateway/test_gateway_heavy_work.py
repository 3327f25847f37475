"""Heavy work ends at the deadline of the call that asks for it."""

from __future__ import annotations

import asyncio
import time

import pytest

from services.gateway.sending.heavy_work import HeavyWork
from shared.errors import Code, PulseError
from shared.rpc import deadlines


def busy() -> None:
    until = time.perf_counter() + 0.3
    while time.perf_counter() < until:
        pass


async def test_a_piece_whose_turn_does_not_come_in_time_is_given_up() -> None:
    heavy = HeavyWork()
    await heavy.do("a", busy)  # after it the loop is free for as long
    done: list[str] = []
    deadlines.start(0.05)
    with pytest.raises(PulseError) as caught:
        await heavy.do("b", lambda: done.append("b"))
    assert caught.value.code is Code.DEADLINE_EXCEEDED
    assert not done


async def test_others_go_on_after_one_has_given_up() -> None:
    heavy = HeavyWork()
    await heavy.do("a", busy)
    late = asyncio.create_task(heavy.do("c", lambda: "c"))
    deadlines.start(0.05)
    with pytest.raises(PulseError):
        await heavy.do("b", lambda: "b")
    deadlines.start(20)
    assert await late == "c"
