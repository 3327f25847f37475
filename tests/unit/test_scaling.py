"""The simulation behind docs/scaling.md agrees with the arithmetic where that is exact."""

from __future__ import annotations

import pytest

from tools.scaling import BUSY, Hop, plan, simulate, storage_table

SINGLE = Hop("single", call=0, each=400, most=1)
BATCHED = Hop("batched", call=900, each=60, most=500)
WAY = [SINGLE, BATCHED]


@pytest.mark.parametrize(("hop", "replicas", "rate"), [(SINGLE, 2, 3_000), (SINGLE, 1, 500), (SINGLE, 8, 12_000)])
def test_the_load_of_a_hop_without_batches_is_rate_times_cost(hop: Hop, replicas: int, rate: float) -> None:
    felt = simulate(rate, [hop], [replicas])
    assert felt.load[hop.name] == pytest.approx(rate * hop.seconds(1) / replicas, rel=0.03)
    assert felt.batches[hop.name] == 1


@pytest.mark.parametrize("rate", [12_000, 15_000])
def test_the_load_of_a_hop_with_large_batches_is_that_of_each_notification_and_each_call(rate: float) -> None:
    felt = simulate(rate, [BATCHED], [1])
    size = felt.batches["batched"]
    assert size > 30
    assert felt.load["batched"] == pytest.approx(rate * (900 / size + 60) / 1e6, rel=0.03)


def test_batches_grow_with_the_rate_and_stay_within_their_bound() -> None:
    sizes = [simulate(rate, [BATCHED], [1]).batches["batched"] for rate in (100, 2_000, 10_000, 1_000_000)]
    assert sizes == sorted(sizes)
    assert (sizes[0] < 1.2, sizes[-1] <= BATCHED.most) == (True, True)


@pytest.mark.parametrize("seed", range(3))
def test_more_replicas_never_make_it_slower(seed: int) -> None:
    counts = [(2, 1), (3, 1), (6, 1), (12, 1)]
    felt = [simulate(4_000, [SINGLE], [first], seed) for first, _ in counts]
    assert [one.p99 for one in felt] == sorted((one.p99 for one in felt), reverse=True)
    assert [one.p50 for one in felt] == sorted((one.p50 for one in felt), reverse=True)


def test_a_seed_decides_everything() -> None:
    assert simulate(5_000, WAY, [4, 1], seed=7) == simulate(5_000, WAY, [4, 1], seed=7)
    assert simulate(5_000, WAY, [4, 1], seed=7) != simulate(5_000, WAY, [4, 1], seed=8)


def test_an_idle_way_takes_as_long_as_its_hops() -> None:
    felt = simulate(1, WAY, [1, 1])
    assert felt.p50 == pytest.approx(1_000 * (SINGLE.seconds(1) + BATCHED.seconds(1)))


@pytest.mark.parametrize("rate", [1_000, 10_000, 100_000])
def test_no_hop_of_a_plan_is_busier_than_planned_unless_its_batches_are_smaller(rate: float) -> None:
    replicas, felt = plan(rate, WAY)
    assert felt.load["single"] <= BUSY * 1.03
    assert felt.load["batched"] < 1
    assert replicas == [max(1, -int(-rate * 400e-6 / BUSY // 1)), max(1, -int(-rate * 78e-6 / BUSY // 1))]


def test_what_is_kept_is_the_days_of_rows_and_one_day_of_keys() -> None:
    table = storage_table({"storage": {"kept": 2_000, "keys": 200, "wal": 4_000, "days": 10}})
    assert "| 1,000 | 4 | 190 | 1.7 |" in table
