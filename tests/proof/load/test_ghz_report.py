"""The report has ghz's fields, and its figures are counted as ghz counts them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from proof.load.check_ghz import differences, shape
from proof.load.ghz.config import parse
from proof.load.ghz.report import Answered, latency_distribution, report

LEAST = {"call": "a.b", "host": "h:1", "insecure": True}
NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
LOST = "rpc error: code = Unavailable desc = gone"


def told(answers: list[Answered], **given: Any) -> dict[str, Any]:
    return report(parse(LEAST | given), answers, 2.0, "normal", NOW)


def answers(*latencies: float) -> list[Answered]:
    return [Answered(1_000.0, latency) for latency in latencies]


def test_durations_are_whole_nanoseconds_and_only_good_calls_count_as_fast_or_slow() -> None:
    found = told([*answers(0.010, 0.030), Answered(1_000.0, 0.5, "Unavailable", LOST)])
    assert (found["count"], found["fastest"], found["slowest"]) == (3, 10_000_000, 30_000_000)
    assert (found["total"], found["average"], found["rps"]) == (2_000_000_000, 180_000_000, 1.5)
    assert found["statusCodeDistribution"] == {"OK": 2, "Unavailable": 1}
    assert found["errorDistribution"] == {LOST: 1}


def test_errors_count_as_slow_if_asked_so() -> None:
    found = told([*answers(0.010), Answered(1_000.0, 0.5, "Unavailable", LOST)], **{"count-errors": True})
    assert found["slowest"] == 500_000_000


def test_the_first_calls_can_be_left_out() -> None:
    assert told(answers(0.9, 0.1, 0.1), skipFirst=1)["slowest"] == 100_000_000


def test_percentiles_are_by_nearest_rank() -> None:
    found = latency_distribution([number / 1000 for number in range(1, 101)])
    assert [(one["percentage"], one["latency"]) for one in found] == [
        (percentage, percentage * 1_000_000) for percentage in (10, 25, 50, 75, 90, 95, 99)
    ]


def test_the_histogram_has_eleven_marks_and_counts_every_call_once() -> None:
    found = told(answers(*range(1, 12)))["histogram"]
    assert [bucket["count"] for bucket in found] == [1] * 11
    assert (found[0]["mark"], found[-1]["mark"]) == (1.0, 11)
    assert all(bucket["frequency"] == 1 / 11 for bucket in found)


def test_equal_latencies_fall_into_one_bucket() -> None:
    assert [bucket["count"] for bucket in told(answers(0.5, 0.5))["histogram"]] == [2, *[0] * 10]


def test_a_run_without_answers_still_makes_a_report() -> None:
    found = told([])
    assert (found["count"], found["histogram"], found["latencyDistribution"], found["details"]) == (0, None, None, [])


def test_each_call_is_told_with_its_time() -> None:
    assert told(answers(0.25))["details"] == [
        {"timestamp": "1970-01-01T00:16:40+00:00", "latency": 250_000_000, "error": "", "status": "OK"}
    ]


def test_shapes_are_compared_by_field_and_kind() -> None:
    theirs = shape({"a": 1, "b": [{"c": "x"}], "d": 2.5})
    ours = shape({"a": 1.5, "b": [{"c": 1}], "e": None})
    assert differences(theirs, ours) == [
        "report.d: only ghz has it",
        "report.e: ghz has no such field",
        "report.b[].c: str there, number here",
    ]
