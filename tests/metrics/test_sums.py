"""What several processes count is told as one would tell it."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from shared.observe.metrics import PART, Metrics
from shared.processes.part_endpoint import PartEndpoint
from shared.processes.sums import Sums
from tests.metrics.scraping import Scrape


class Process:
    """What one process counts, and where it is asked."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        registry = self.metrics.registry
        self.sent = Counter("sent", "Sent.", ["lane"], registry=registry)
        self.took = Histogram("took_seconds", "Took.", ["lane"], buckets=(1, 2), registry=registry)
        self.in_hand = Gauge("in_hand", "In hand.", registry=registry, multiprocess_mode=PART)
        self.backlog = Gauge("backlog", "Due.", ["lane"], registry=registry)
        self.port = 0
        self._endpoint = PartEndpoint(registry, self._told)
        self._endpoint.start()

    def _told(self, port: int) -> None:
        self.port = port

    def end(self) -> None:
        self._endpoint.stop()


class Parent:
    def __init__(self) -> None:
        self.ports: dict[int, int] = {}
        self._registry = CollectorRegistry()
        self._registry.register(Sums(lambda: dict(self.ports)))

    def scrape(self) -> Scrape:
        return Scrape(text_string_to_metric_families(generate_latest(self._registry).decode()))


@pytest.fixture
def two() -> Iterator[tuple[Parent, Process, Process]]:
    parent, one, other = Parent(), Process(), Process()
    parent.ports = {1: one.port, 2: other.port}
    yield parent, one, other
    one.end()
    other.end()


def test_what_is_counted_is_added_up_by_label(two: tuple[Parent, Process, Process]) -> None:
    parent, one, other = two
    one.sent.labels("high").inc(3)
    other.sent.labels("high").inc(4)
    other.sent.labels("low").inc(5)
    for process, seconds in ((one, 0.5), (other, 1.5), (other, 7.0)):
        process.took.labels("high").observe(seconds)
    found = parent.scrape()
    assert found.by("sent_total", "lane") == {"high": 7, "low": 5}
    assert found.by("took_seconds_bucket", "le") == {"1.0": 1, "2.0": 2, "+Inf": 3}
    assert (found.value("took_seconds_count"), found.value("took_seconds_sum")) == (3, 9)
    assert found.value("process_cpu_seconds_total") > 0


def test_of_gauges_parts_are_added_up_and_of_others_the_largest_counts(two: tuple[Parent, Process, Process]) -> None:
    parent, one, other = two
    one.in_hand.set(3)
    other.in_hand.set(4)
    one.backlog.labels("low").set(9)
    other.backlog.labels("low").set(8)
    found = parent.scrape()
    assert (found.value("in_hand"), found.value("backlog"), found.value("pulse_build_info")) == (7, 9, 1)
    own = Scrape(one.metrics.registry.collect()).value("process_resident_memory_bytes")
    assert found.value("process_resident_memory_bytes") == pytest.approx(2 * own, rel=0.2)


def test_what_one_counted_that_ended_stays_and_what_it_held_goes(two: tuple[Parent, Process, Process]) -> None:
    """A sum that fell would look like a start anew of all, and rates would jump."""
    parent, one, other = two
    one.sent.labels("high").inc(3)
    one.in_hand.set(3)
    other.sent.labels("high").inc(4)
    assert parent.scrape().value("sent_total") == 7
    one.end()
    parent.ports = {2: other.port}
    for _ in range(2):
        found = parent.scrape()
        assert (found.value("sent_total"), found.value("in_hand")) == (7, 0)
    successor = Process()
    successor.sent.labels("high").inc(1)
    parent.ports = {2: other.port, 3: successor.port}
    assert parent.scrape().value("sent_total") == 8
    successor.end()
    parent.ports = {2: other.port}
    other.sent.labels("high").inc(1)
    assert parent.scrape().value("sent_total") == 9


def test_one_that_does_not_answer_counts_as_it_said_last(two: tuple[Parent, Process, Process]) -> None:
    parent, one, other = two
    one.sent.labels("high").inc(3)
    other.in_hand.set(2)
    parent.scrape()
    one.end()
    with capture_logs() as said:
        found = parent.scrape()
    assert (found.value("sent_total"), found.value("in_hand")) == (3, 2)
    assert [line["event"] for line in said] == ["a process did not tell its metrics"]


def test_exemplars_are_kept_and_the_newest_counts(two: tuple[Parent, Process, Process]) -> None:
    parent, one, other = two
    one.took.labels("high").observe(0.5, {"trace_id": "older"})
    other.took.labels("high").observe(0.5, {"trace_id": "newer"})
    other.took.labels("low").observe(0.5)
    [sample] = parent.scrape().samples("took_seconds_bucket", le="1.0", lane="high")
    assert sample.exemplar is not None and sample.exemplar.labels == {"trace_id": "newer"}


def test_one_that_was_never_heard_is_left_out(two: tuple[Parent, Process, Process]) -> None:
    parent, one, _ = two
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    parent.ports = {1: one.port, 9: port}
    one.sent.labels("high").inc()
    assert parent.scrape().value("sent_total") == 1


def test_it_can_be_registered_and_told_before_any_process_is_there() -> None:
    assert Parent().scrape().families == {}
    families: list[Metric] = list(Sums(dict).collect())
    assert families == []
