"""How many calls providers are given: exact in any window, whoever draws."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.dispatch.shared_buckets import SharedBuckets, Taken
from services.router.dispatch.throughput import Throughput
from services.router.rules.provider_rates import Rate, Rates, parse_rates
from services.router.rules.token_bucket import TokenBucket
from shared.lane.names import Lane
from tests.router.conftest import Edges, OwnValkey
from tests.router.windows import fullest
from tests.support import eventually

RATES = st.builds(Rate, st.integers(1, 500), st.floats(0.1, 100))


@pytest.mark.parametrize(
    ("text", "rates"),
    [
        ("", {}),
        ("twilio=100/1,smtp=600/60", {"twilio": Rate(100, 1), "smtp": Rate(600, 60)}),
        ("fcm=5", {"fcm": Rate(5, 1)}),
        ("fcm=5/0.5", {"fcm": Rate(5, 0.5)}),
    ],
)
def test_rates_are_read(text: str, rates: dict[str, Rate]) -> None:
    assert parse_rates(text) == rates


@pytest.mark.parametrize("text", ["twilio", "twilio=0", "twilio=5/0", "twilio=5/0.01", "=5", "twilio=1e3", "a=1;b=2"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="twilio=100/1"):
        parse_rates(text)


def test_what_operators_say_counts_until_it_is_taken_back() -> None:
    rates = Rates({"twilio": Rate(100, 1), "fcm": Rate(9, 1)})
    rates.override({"twilio": Rate(5, 1), "smtp": Rate(7, 60)})
    assert {name: rates.bound(name) for name in rates.bounded} == {
        "twilio": Rate(5, 1),
        "fcm": Rate(9, 1),
        "smtp": Rate(7, 60),
    }
    rates.override({})
    assert set(rates.bounded) == {"twilio", "fcm"}
    assert rates.bound("smtp") is None


@given(RATES, st.lists(st.tuples(st.integers(0, 10_000_000), st.integers(0, 100), st.integers(0, 100)), max_size=60))
def test_a_bucket_lets_no_window_have_more_than_the_amount(rate: Rate, takes: list[tuple[int, int, int]]) -> None:
    """Whatever is asked for when, and given back."""
    now, times = 0, []
    bucket = TokenBucket(rate, now)
    for pause, wanted, unused in takes:
        now += pause
        got = bucket.take(wanted, now)
        bucket.give_back(min(unused, got), bucket.full_at)
        times += [now] * (got - min(unused, got))
    assert fullest(times, round(rate.seconds * 1_000_000)) <= rate.amount


@given(RATES)
def test_a_backlog_is_drained_at_nine_tenths_of_the_rate_or_faster(rate: Rate) -> None:
    steady = rate.seconds * 1_000_000 / rate.interval
    assert steady >= 0.9 * rate.amount - 1


@given(RATES, st.integers(1, 20))
def test_parts_add_up_to_no_more_than_the_whole(rate: Rate, among: int) -> None:
    part = rate.shared(among)
    assert part.amount >= 1
    assert among * part.amount / part.seconds <= rate.amount / rate.seconds * 1.000001


@pytest.fixture
async def buckets(valkey_url: str, edges: Edges) -> AsyncIterator[SharedBuckets]:
    """The shared buckets of one router."""
    yield SharedBuckets(edges(valkey_url, 1.0))


def throughput(shared: SharedBuckets, rate: Rate, replicas: int = 1) -> Throughput:
    return Throughput(Rates({"twilio": rate}), shared, replicas=replicas)


async def use(one: Throughput, lane: Lane, most: int, waiting: int = 10**6) -> int:
    """Takes tokens for one draw, of which it uses as many as wait; how many."""
    taken = await one.take(lane, most)
    used = {each.provider: min(each.count, waiting) for each in taken}
    await one.settle(lane, taken, used)
    return sum(used.values())


async def use_all(one: Throughput, lane: Lane, times: list[float]) -> None:
    """Uses all it gets, until cancelled; notes when."""
    while True:
        got = await use(one, lane, 50)
        times += [time.monotonic()] * got
        await asyncio.sleep(min(max(one.wait(lane), 0.001), 0.1))


async def use_nothing(one: Throughput, lane: Lane) -> None:
    """Takes, and gives back all it gets, until cancelled."""
    while True:
        await use(one, lane, 20, waiting=0)
        await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def at_once(*loops: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs loops while the block lasts."""
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_two_routers_share_one_bucket(valkey_url: str, edges: Edges) -> None:
    """Four lanes take what they can: no window holds more than the rate."""
    rate = Rate(100, 0.5)
    shared = [SharedBuckets(edges(valkey_url, 1.0)) for _ in range(2)]
    routers = [throughput(one, rate, 2) for one in shared]
    times: list[float] = []
    async with at_once(*(use_all(one, lane, times) for one, lane in itertools.product(routers, Lane))):
        await eventually(lambda: len(times) >= 400)
    # Times are noted after the answer, which the machine may delay: so much closer together they may lie.
    assert fullest(times, rate.seconds * 0.9) <= rate.amount


async def test_high_comes_first_and_low_is_not_shut_out(buckets: SharedBuckets) -> None:
    one = throughput(buckets, Rate(200, 1))
    high: list[float] = []
    low: list[float] = []
    async with at_once(use_all(one, Lane.HIGH, high), use_all(one, Lane.LOW, low)):
        await eventually(lambda: len(high) >= 300)
    assert 5 < len(low) < len(high) / 5


async def test_low_has_all_of_it_while_high_wants_nothing(buckets: SharedBuckets) -> None:
    one = throughput(buckets, Rate(100, 1))
    times: list[float] = []
    async with at_once(use_all(one, Lane.LOW, times), use_nothing(one, Lane.HIGH)):
        await eventually(lambda: len(times) >= 150)
    assert times[-1] - times[0] < 150 / 100 * 2


async def test_what_was_not_used_is_there_again(buckets: SharedBuckets) -> None:
    one = throughput(buckets, Rate(2, 1))
    taken: list[Taken] = []

    async def is_filled() -> bool:
        """A bucket begins empty."""
        taken[:] = await one.take(Lane.LOW, 5)
        await one.settle(Lane.LOW, taken, {})
        return taken[0].count == 1

    await eventually(is_filled)
    assert [await use(one, Lane.LOW, 5), await use(one, Lane.LOW, 5)] == [1, 0]
    assert 0 < one.wait(Lane.LOW) <= 0.51


async def test_what_another_has_taken_since_is_not_given_back(buckets: SharedBuckets) -> None:
    """What the bucket would hold without the first is not known any more: it errs on the side of less."""
    first, second = (throughput(buckets, Rate(100, 1)) for _ in range(2))
    await eventually(lambda: _is_full(first))
    kept = await first.take(Lane.LOW, 6)
    other = await second.take(Lane.LOW, 2)
    await first.settle(Lane.LOW, kept, {})
    again = await second.take(Lane.LOW, 50)
    assert (kept[0].count, other[0].count) == (6, 2)
    assert again[0].count < 8


async def _is_full(one: Throughput) -> bool:
    taken = await one.take(Lane.LOW, 50)
    await one.settle(Lane.LOW, taken, {})
    return taken[0].count == 10


async def test_without_a_bound_there_is_nothing_to_take(buckets: SharedBuckets) -> None:
    one = Throughput(Rates({}), buckets, replicas=1)
    assert await one.take(Lane.HIGH, 5) == []
    await one.settle(Lane.HIGH, [], {})
    assert one.wait(Lane.HIGH) == float("inf")
    assert not one.bounded("twilio")


async def test_without_redis_each_router_keeps_its_share_and_the_rate_holds_throughout(
    own_valkey: OwnValkey, edges: Edges
) -> None:
    """Redis is killed and comes back, empty, while two routers take all they can."""
    rate = Rate(100, 0.5)
    shared = [SharedBuckets(edges(own_valkey.url, 0.25)) for _ in range(2)]
    routers = [throughput(one, rate, 2) for one in shared]
    times: list[float] = []
    async with at_once(*(use_all(one, Lane.LOW, times) for one in routers)):
        await eventually(lambda: len(times) >= 200)
        own_valkey.kill()
        lost = len(times)
        await eventually(lambda: len(times) >= lost + 300)
        alone = len(times)
        own_valkey.start()
        await eventually(lambda: not any(one.outage.away for one in routers))
        back = len(times)
        await eventually(lambda: len(times) >= back + 200)
    assert fullest(times[:alone], rate.seconds * 0.9) <= rate.amount
    # While one has Redis again and the other not yet, the other's share comes on top.
    assert fullest(times, rate.seconds * 0.9) <= rate.amount * 1.5
