"""No tenant has more than its turns, and none waits for another's."""

from __future__ import annotations

import asyncio

import pytest

from services.ledger.postgres.turns import Turns
from shared.errors import Code, PulseError
from shared.rpc import deadlines
from tests.support.waiting import eventually


class Crowd:
    """Those that want a turn; each keeps it until it is sent away."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self.having: list[str] = []

    def come(self, name: str, tenant: str) -> asyncio.Task[None]:
        return asyncio.create_task(self._stay(name, tenant))

    async def _stay(self, name: str, tenant: str) -> None:
        async with self._turns.turn(tenant):
            self.having.append(name)
            try:
                await asyncio.Event().wait()
            finally:
                self.having.remove(name)


async def test_turns_come_in_order_and_other_tenants_do_not_wait() -> None:
    crowd = Crowd(Turns(1))
    first, second, third = (crowd.come(name, "acme") for name in ("first", "second", "third"))
    other = crowd.come("other", "other")
    assert await eventually(lambda: crowd.having == ["first", "other"])
    first.cancel()
    assert await eventually(lambda: crowd.having == ["other", "second"])
    third.cancel()
    second.cancel()
    fourth = crowd.come("fourth", "acme")
    assert await eventually(lambda: crowd.having == ["other", "fourth"])
    for task in (fourth, other):
        task.cancel()
    assert await eventually(lambda: not crowd.having)


async def test_too_many_are_told_which_limit_that_is_and_others_are_let_in() -> None:
    turns = Turns(2, most_waiting=3)
    crowd = Crowd(turns)
    tasks = [crowd.come(str(number), "acme") for number in range(5)]
    assert await eventually(lambda: len(crowd.having) == 2)
    with pytest.raises(PulseError) as caught:
        async with turns.turn("acme"):
            pass
    told = caught.value
    assert (told.code, told.reason) == (Code.RESOURCE_EXHAUSTED, "TOO_MANY_SEARCHES")
    assert [(quota.subject, quota.value) for quota in told.quotas] == [("searches_waiting", 3)]
    assert told.retry_after
    async with turns.turn("other"):
        pass
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    async with turns.turn("acme"):
        pass


async def test_a_turn_that_does_not_come_in_time_is_told() -> None:
    turns = Turns(1)
    async with turns.turn("acme"):
        deadlines.start(0.02)
        with pytest.raises(PulseError) as caught:
            async with turns.turn("acme"):
                pass
    assert caught.value.code is Code.DEADLINE_EXCEEDED
    async with turns.turn("acme"):
        pass
