"""The port that Prometheus scrapes."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector
from structlog.testing import capture_logs

from shared.config import Settings
from shared.observe.metrics import Metrics
from shared.observe.metrics_endpoint import MetricsEndpoint
from tests.metrics.scraping import scrape


def endpoint(home: Path, **settings: str) -> MetricsEndpoint:
    values = {"PULSE_HOME": str(home), **{f"PULSE_{name.upper()}": value for name, value in settings.items()}}
    return MetricsEndpoint("router", Settings.load(values), Metrics().registry)


def test_a_free_port_is_announced_while_it_is_served_and_only_on_this_machine(tmp_path: Path) -> None:
    served = endpoint(tmp_path, metrics_port="0")
    served.start()
    file = tmp_path / "run" / "router.metrics"
    address = file.read_text().strip()
    assert address == f"127.0.0.1:{served.port}"
    assert scrape(address).value("pulse_build_info") == 1
    served.stop()
    assert not file.exists()
    with pytest.raises(OSError):
        scrape(address)


def test_it_is_served_beside_grpc_on_the_host_that_was_asked_for(tmp_path: Path) -> None:
    served = endpoint(tmp_path, metrics_port="0", listen="127.0.0.2:50052")
    served.start()
    assert scrape(f"127.0.0.2:{served.port}").families
    served.stop()


def test_a_port_that_is_taken_stops_nothing(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        served = endpoint(tmp_path, metrics_port=str(holder.getsockname()[1]), listen="127.0.0.1:1")
        served.start()
        assert served.port == 0
        served.stop()


def test_times_of_creation_are_left_out(tmp_path: Path) -> None:
    metrics = Metrics()
    metrics.batch("record")(3)
    served = MetricsEndpoint(
        "router", Settings.load({"PULSE_HOME": str(tmp_path), "PULSE_METRICS_PORT": "0"}), metrics.registry
    )
    served.start()
    found = scrape(f"127.0.0.1:{served.port}")
    served.stop()
    assert found.value("pulse_batch_size_sum", batch="record") == 3
    assert not [name for name in found.families if name.endswith("_created")]
    assert not found.samples("pulse_batch_size_created")


class Broken(Collector):
    """Fails when it is asked, and quotes somebody."""

    def describe(self) -> list[Any]:
        return []

    def collect(self) -> NoReturn:
        raise KeyError("canary")


def test_a_figure_that_cannot_be_had_is_told_by_the_log_and_by_nothing_else(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    registry = CollectorRegistry()
    registry.register(Broken())
    settings = Settings.load({"PULSE_HOME": str(tmp_path), "PULSE_METRICS_PORT": "0"})
    endpoint = MetricsEndpoint("router", settings, registry)
    endpoint.start()
    try:
        with capture_logs() as logs:
            assert httpx.get(f"http://127.0.0.1:{endpoint.port}/metrics").status_code == 500
    finally:
        endpoint.stop()
    assert [line["event"] for line in logs] == ["metrics not told"]
    assert "canary" not in capfd.readouterr().err
