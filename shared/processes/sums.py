"""What all processes of a role count together, as one process would show it."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar, Sample

from shared.observe.logs import logger
from shared.observe.metrics_endpoint import LOOPBACK
from shared.processes.figures import Family, unpacked

#: Longest wait for one process's figures, s; until it answers again, what it said last is shown.
WAIT_SECONDS = 3.0

log = logger(__name__)


class Sums(Collector):
    """Asks every process when it is scraped. ``ports`` gives where each that runs now is asked, by a number of its own.

    What a process had counted that ended stays in the sum, as it was when last asked: a sum that fell would look to
    Prometheus as if all processes had begun anew, and their whole counts like new ones.
    """

    def __init__(self, ports: Callable[[], Mapping[int, int]]) -> None:
        self._ports = ports
        self._lock = threading.Lock()
        self._said: dict[int, list[Family]] = {}
        self._ended: list[Metric] = []

    def describe(self) -> Iterable[Metric]:
        """Nothing: to be registered must not ask."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """The sums; blocks for :data:`WAIT_SECONDS` at the most."""
        with self._lock:
            ports = self._ports()
            self._ask(ports)
            gone = [self._said.pop(process) for process in self._said.keys() - ports.keys()]
            left = [family for families in gone for family in families if family.is_counted]
            self._ended = list(_together([*(Family(metric, True) for metric in self._ended), *left]))
            every = [Family(metric, True) for metric in self._ended]
            for families in self._said.values():
                every += families
        yield from _together(every)

    def _ask(self, ports: Mapping[int, int]) -> None:
        with ThreadPoolExecutor(max(len(ports), 1)) as asking:
            for process, said in zip(ports, asking.map(_asked, ports.values()), strict=True):
                if said is not None:
                    self._said[process] = said


def _asked(port: int) -> list[Family] | None:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=WAIT_SECONDS)
    try:
        connection.request("GET", "/")
        return unpacked(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        log.warning("a process did not tell its metrics", kind=type(error).__name__)
        return None
    finally:
        connection.close()


def _together(families: Iterable[Family]) -> Iterator[Metric]:
    """One metric of each name."""
    by_name: dict[str, list[Family]] = {}
    for family in families:
        by_name.setdefault(family.metric.name, []).append(family)
    for same in by_name.values():
        first = same[0].metric
        metric = Metric(first.name, first.documentation, first.type, first.unit)
        metric.samples = list(_samples(same))
        yield metric


def _samples(families: Iterable[Family]) -> Iterator[Sample]:
    found: dict[tuple[str, tuple[tuple[str, str], ...]], Sample] = {}
    for family in families:
        for one in family.metric.samples:
            key = (one.name, tuple(sorted(one.labels.items())))
            other = found.get(key)
            found[key] = one if other is None else _both(other, one, family.is_part)
    return iter(found.values())


def _both(one: Sample, other: Sample, is_part: bool) -> Sample:
    value = one.value + other.value if is_part else max(one.value, other.value)
    exemplars = [sample.exemplar for sample in (one, other) if sample.exemplar]
    return Sample(one.name, one.labels, value, None, max(exemplars, key=_when, default=None))


def _when(exemplar: Exemplar) -> float:
    return float(exemplar.timestamp or 0.0)
