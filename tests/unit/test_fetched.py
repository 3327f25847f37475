"""What is fetched is fetched once, for all who want it, and no failure or stale value is kept."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import math

import pytest

from shared.fetched import Fetched
from tests.support import eventually

WHO = contextvars.ContextVar("WHO", default="nobody")


class Source:
    """Where values come from; each fetch waits for the gate, then says what the source held when it began."""

    def __init__(self) -> None:
        self.fetches: list[str] = []
        self.values = {"a": "1", "b": "1", "c": "1"}
        self.for_whom: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.time = 0.0

    async def fetch(self, key: str) -> str:
        self.fetches.append(key)
        self.for_whom.append(WHO.get())
        value = self.values.get(key)
        await self.gate.wait()
        if value is None:
            raise KeyError(key)
        return value

    def fetched(self, most: int = 10, fresh_seconds: float = math.inf) -> Fetched[str, str]:
        return Fetched(self.fetch, most, 1_000, len, fresh_seconds=fresh_seconds, monotonic=lambda: self.time)


async def test_those_who_miss_the_same_one_at_once_share_a_fetch_though_the_first_gives_up() -> None:
    source = Source()
    source.gate.clear()
    values = source.fetched()
    asking = [asyncio.ensure_future(values.get("a")) for _ in range(5)]
    await eventually(lambda: source.fetches)
    asking[0].cancel()
    source.gate.set()
    assert await asyncio.gather(*asking[1:]) == ["1"] * 4
    assert await values.get("a") == "1"
    assert source.fetches == ["a"]


async def test_a_failure_reaches_all_who_wait_and_is_not_kept() -> None:
    source = Source()
    values = source.fetched()
    failed = await asyncio.gather(*(values.get("none") for _ in range(3)), return_exceptions=True)
    assert [type(error) for error in failed] == [KeyError] * 3
    source.values["none"] = "there"
    assert await values.get("none") == "there"
    assert source.fetches == ["none", "none"]


async def test_a_failure_that_nobody_waits_for_any_more_is_no_error_of_the_loop() -> None:
    told: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    source = Source()
    source.gate.clear()
    values = source.fetched()
    alone = asyncio.ensure_future(values.get("none"))
    await eventually(lambda: source.fetches)
    alone.cancel()
    await asyncio.gather(alone, return_exceptions=True)
    source.gate.set()
    await eventually(lambda: not values._under_way)
    gc.collect()
    assert told == []


@pytest.mark.parametrize("age, fetches", [(0, 1), (4.9, 1), (5, 2), (5_000, 2)])
async def test_a_value_is_fetched_again_when_it_is_no_longer_fresh(age: float, fetches: int) -> None:
    source = Source()
    values = source.fetched(fresh_seconds=5)
    assert values.kept("a") is None
    await values.get("a")
    source.time += age
    source.values["a"] = "2"
    assert (values.kept("a") is None) == (fetches == 2)
    assert await values.get("a") == str(fetches)
    assert len(source.fetches) == fetches


async def test_a_fetch_begun_before_a_change_is_not_kept() -> None:
    source = Source()
    source.gate.clear()
    values = source.fetched()
    early = asyncio.ensure_future(values.get("a"))
    await eventually(lambda: source.fetches)
    source.values["a"] = "2"
    values.forget("a")
    late = asyncio.ensure_future(values.get("a"))
    source.gate.set()
    assert [await early, await late, await values.get("a")] == ["1", "2", "2"]
    assert source.fetches == ["a", "a"]


async def test_no_more_than_the_most_are_kept() -> None:
    source = Source()
    values = source.fetched(most=2)
    for key in "abcb":
        await values.get(key)
    assert source.fetches == ["a", "b", "c"]
    await values.get("a")
    assert source.fetches == ["a", "b", "c", "a"]


@pytest.mark.parametrize("context, for_whom", [(contextvars.copy_context, "ann"), (contextvars.Context, "nobody")])
async def test_a_fetch_runs_in_the_context_that_is_said(context: type[contextvars.Context], for_whom: str) -> None:
    source = Source()
    WHO.set("ann")
    await Fetched(source.fetch, 1, 100, len, context=context).get("a")
    assert source.for_whom == [for_whom]
