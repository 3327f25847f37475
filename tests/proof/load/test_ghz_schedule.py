"""Calls begin, and workers come and go, when the schedules say."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from proof.load.ghz.config import Config, parse
from proof.load.ghz.schedule import due_times, workers

LEAST = {"call": "a.b", "host": "h:1"}


def config(**given: Any) -> Config:
    return parse(LEAST | {key.replace("_", "-"): value for key, value in given.items()})


def in_second(second: int, **given: Any) -> int:
    """How many calls begin in a second of a run."""
    times = itertools.takewhile(lambda at: at <= second + 1 + 1e-6, due_times(config(**given)))
    return sum(at > second + 1e-6 for at in itertools.islice(times, 100_000))


def test_without_a_rate_every_call_is_due_at_once() -> None:
    assert list(itertools.islice(due_times(config()), 3)) == [0.0, 0.0, 0.0]


def test_a_constant_rate_spreads_calls_evenly() -> None:
    assert list(itertools.islice(due_times(config(rps=4)), 4)) == [0.0, 0.25, 0.5, 0.75]


STEP = {"load_schedule": "step", "load_start": 10, "load_step": 5, "load_step_duration": "2s"}
LINE = {"load_schedule": "line", "load_start": 20, "load_step": -5}


@pytest.mark.parametrize(
    ("given", "rates"),
    [
        (STEP, [10, 10, 15, 15, 20, 20, 25]),
        (STEP | {"load_end": 15}, [10, 10, 15, 15, 15, 15]),
        (STEP | {"load_max_duration": "4s"}, [10, 10, 15, 15, 20, 20, 20, 20]),
        (STEP | {"load_max_duration": "4s", "load_end": 50}, [10, 10, 15, 15, 50, 50]),
        (LINE | {"load_end": 10}, [20, 15, 10, 10]),
        (LINE, [20, 15, 10, 5, 0, 0]),
    ],
)
def test_rates_step_and_slope_until_their_end(given: dict[str, Any], rates: list[int]) -> None:
    assert [in_second(second, **given) for second in range(len(rates))] == rates


def test_a_load_that_falls_to_nothing_ends() -> None:
    assert len(list(due_times(config(**LINE)))) == 20 + 15 + 10 + 5


def test_no_share_of_a_call_is_lost_between_steps() -> None:
    given = {"load_schedule": "step", "load_start": 1, "load_step": 1, "load_step_duration": "500ms"}
    times = itertools.takewhile(lambda at: at <= 5.0, due_times(config(**given)))
    assert len(list(times)) == sum(range(1, 11)) // 2


@pytest.mark.parametrize(
    ("given", "counts"),
    [
        ({"concurrency": 7}, [7, 7, 7]),
        ({"concurrency_schedule": "line", "concurrency_start": 2, "concurrency_step": 3}, [2, 5, 8, 11]),
        (
            {
                "concurrency_schedule": "step",
                "concurrency_start": 5,
                "concurrency_step": 5,
                "concurrency_step_duration": "2s",
                "concurrency_end": 10,
            },
            [5, 5, 10, 10, 10],
        ),
        (
            {
                "concurrency_schedule": "line",
                "concurrency_start": 9,
                "concurrency_step": -4,
                "concurrency_max_duration": "2s",
                "concurrency_end": 3,
            },
            [9, 5, 3, 3],
        ),
    ],
)
def test_workers_come_and_go_by_their_schedule(given: dict[str, Any], counts: list[int]) -> None:
    assert [workers(config(**given), second + 0.5) for second in range(len(counts))] == counts
