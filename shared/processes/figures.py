"""A process's metrics on their way to its parent: what the text of Prometheus does not say is needed to add them up."""

from __future__ import annotations

import json
from typing import NamedTuple

from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Exemplar, Sample

from shared.observe.metrics import Registry

#: Of these each process has counted its part, also those that have ended.
_COUNTED = frozenset({"counter", "histogram", "summary"})


class Family(NamedTuple):
    """A metric of one process. ``is_part``: all processes' are added up; of others the largest counts."""

    metric: Metric
    is_part: bool

    @property
    def is_counted(self) -> bool:
        """Whether it stays what it was when its process ends."""
        return self.metric.type in _COUNTED


def packed(registry: Registry) -> bytes:
    """All that a registry has to show."""
    return json.dumps([_packed(metric, metric.name in registry.parts) for metric in registry.collect()]).encode()


def unpacked(said: bytes) -> list[Family]:
    """What :func:`packed` made."""
    return [_unpacked(*family) for family in json.loads(said)]


def _packed(metric: Metric, is_part: bool) -> list[object]:
    samples = [[one.name, one.labels, one.value, one.exemplar] for one in metric.samples]
    return [metric.name, metric.documentation, metric.type, metric.unit, is_part or metric.type in _COUNTED, samples]


def _unpacked(
    name: str, documentation: str, kind: str, unit: str, is_part: bool, samples: list[list[object]]
) -> Family:
    metric = Metric(name, documentation, kind, unit)
    for sample_name, labels, value, exemplar in samples:
        told = Exemplar(*exemplar) if isinstance(exemplar, list) else None
        metric.samples.append(Sample(sample_name, labels, value, None, told))  # type: ignore[arg-type]
    return Family(metric, is_part)
