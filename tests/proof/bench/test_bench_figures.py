"""Figures are counted as they are told: medians, spreads, percentiles, shares."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from proof.bench import plot, report
from proof.bench.figures import Figure, Row, at_least, at_most, jain, merged_cpu, percentile
from proof.bench.rows.fairness import contested
from proof.bench.sizes import SHORT


def test_a_figure_is_its_median_and_tells_its_spread() -> None:
    figure = Figure("rate", "1/s", (90.0, 100.0, 130.0), at_least(95), floor=200.0)
    assert (figure.median, figure.spread, figure.ratio, figure.met) == (100.0, 0.4, 0.5, True)


@pytest.mark.parametrize(
    ("goal", "value", "met"),
    [(at_least(5), 5, True), (at_least(5), 4.9, False), (at_most(5), 5, True), (at_most(5), 5.1, False)],
)
def test_a_goal_is_a_bound(goal: object, value: float, met: bool) -> None:
    assert Figure("f", "", (value,), goal).met is met  # type: ignore[arg-type]


def test_percentiles_are_by_nearest_rank() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert [percentile(values, share) for share in (0.0, 0.5, 0.99, 1.0)] == [1, 50, 99, 100]
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


@pytest.mark.parametrize(("shares", "index"), [([1, 1, 1, 1], 1.0), ([4, 0, 0, 0], 0.25), ([0, 0], 0.0), ([3, 1], 0.8)])
def test_jain_s_index_tells_equal_from_unequal(shares: list[float], index: float) -> None:
    assert jain(shares) == pytest.approx(index)


def test_fairness_counts_only_what_all_tenants_waited_for() -> None:
    """The flood's head start was with the worker before the light ones came; after a light one is through, it has no
    claim any more."""
    order = ["flood"] * 50 + ["a", "flood", "b"] * 4 + ["flood"] * 30
    assert contested(order, ["flood", "a", "b"], light=4) == [3, 4, 3]


def test_the_cost_of_runs_is_the_median_of_each_process() -> None:
    assert merged_cpu([{"a": 1.0, "b": 5.0}, {"a": 3.0, "b": 5.0}, {"a": 2.0}]) == {"b": 5.0, "a": 2.0}


ROWS = [
    Row("one", "first", [Figure("rate", "1/s", (9.0, 10.0, 11.0), at_least(5), 20.0, "echo")], {"gateway": 0.5}),
    Row("two", "second", skipped="there is no second provider"),
    Row("three", "third", failed="ValueError: broken"),
]


def test_the_table_has_a_line_for_every_figure_and_every_row_left_out() -> None:
    head, *lines = report.table(ROWS).splitlines()
    assert head.split() == ["row", "figure", "median", "spread", "floor", "ratio", "goal", "met"]
    assert [line.split()[0] for line in lines] == ["one", "two", "three"]
    assert lines[0].split()[1:] == ["rate", "10", "1/s", "20%", "20", "0.50", "≥", "5", "yes"]


def test_the_json_holds_every_run_and_what_follows_from_them() -> None:
    found = json.loads(report.as_json(ROWS, SHORT))
    assert found["rows"][0]["figures"][0]["runs"] == [9.0, 10.0, 11.0]
    assert found["rows"][0]["figures"][0]["goal"] == "≥ 5"
    assert found["rows"][0]["cpu"] == {"gateway": 0.5}
    assert found["rows"][1]["skipped"] and found["rows"][2]["failed"]
    assert found["sizes"]["runs"] == 1


def test_a_row_is_told_with_its_floor_and_its_cost() -> None:
    told = report.lines(ROWS[0])
    assert "rate: 10 1/s (9 to 11) = 0.50 of echo (20) goal ≥ 5: yes" in told
    assert "CPU s per 1,000: gateway 0.500; 0.500 in all" in told
    assert report.lines(ROWS[1]) == "two: left out: there is no second provider"


def test_the_plot_shows_figures_that_have_a_goal(tmp_path: Path) -> None:
    assert plot.draw(ROWS, tmp_path / "plot.svg")
    assert "one: rate" in (tmp_path / "plot.svg").read_text()
    assert not plot.draw(ROWS[1:], tmp_path / "none.svg")
