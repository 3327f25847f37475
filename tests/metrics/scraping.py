"""A process's metrics, as Prometheus reads them."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterable, Mapping

from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

_OPENMETRICS = "application/openmetrics-text; version=1.0.0"


class Scrape:
    """What one scrape found."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self.families = {family.name: family for family in families}

    def samples(self, name: str, **labels: str) -> list[Sample]:
        """Those of that name that have at least these labels."""
        wanted = labels.items()
        every = (sample for family in self.families.values() for sample in family.samples)
        return [sample for sample in every if sample.name == name and wanted <= sample.labels.items()]

    def value(self, name: str, **labels: str) -> float:
        """Their sum."""
        return sum(sample.value for sample in self.samples(name, **labels))

    def by(self, name: str, label: str) -> Mapping[str, float]:
        """The value of each of a label's values."""
        return {sample.labels[label]: sample.value for sample in self.samples(name)}


def scrape(address: str) -> Scrape:
    """Asks ``host:port`` for OpenMetrics, which alone carries exemplars."""
    request = urllib.request.Request(f"http://{address}/metrics", headers={"Accept": _OPENMETRICS})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return Scrape(text_string_to_metric_families(answer.read().decode()))
