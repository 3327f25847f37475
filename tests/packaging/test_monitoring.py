"""What Prometheus is told, under compose and in a cluster."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from proof.image import compose_file
from tests.packaging.manifests import Manifests, containers
from tests.packaging.tools import ROOT

PROMETHEUS = ROOT / "deploy" / "prometheus"

#: Everyone who has metrics: those of their own, and Envoy, which has Envoy's.
MEASURED = {"gateway", "router", "ledger", "delivery", "console", "worker-high", "worker-low", "sandbox", "envoy"}


def groups_of_rules() -> list[dict[str, Any]]:
    files = sorted((PROMETHEUS / "rules").glob("*.yaml"))
    return [group for file in files for group in yaml.safe_load(file.read_text())["groups"]]


def test_the_operator_evaluates_the_rules_that_prometheus_tests(production_with_options: Manifests) -> None:
    """Where this fails: .venv/bin/python tools/prometheus_rules.py"""
    rules = production_with_options.of("PrometheusRule")["pulse"]["spec"]["groups"]
    assert sorted(rules, key=lambda group: group["name"]) == sorted(groups_of_rules(), key=lambda group: group["name"])


def test_compose_scrapes_everyone() -> None:
    (scraped,) = yaml.safe_load((PROMETHEUS / "prometheus.yaml").read_text())["scrape_configs"]
    (found,) = scraped["dns_sd_configs"]
    assert set(found["names"]) == MEASURED
    assert set(compose_file.load()["services"]) >= MEASURED


def test_in_a_cluster_everyone_has_the_port_that_is_scraped(
    production_with_options: Manifests, kind: Manifests
) -> None:
    (endpoint,) = production_with_options.of("PodMonitor")["pulse"]["spec"]["podMetricsEndpoints"]
    having = {
        name
        for manifests in (production_with_options, kind)
        for name, workload in manifests.workloads().items()
        if any(port["name"] == endpoint["port"] for each in containers(workload) for port in each.get("ports", []))
    }
    assert having == MEASURED


@pytest.mark.parametrize("role", sorted(MEASURED - {"envoy"}))
def test_traces_go_to_the_collector(role: str, kind: Manifests, production: Manifests) -> None:
    service = kind.of("Service")["otel-collector"]
    port = service["spec"]["ports"][0]["port"]
    assert kind.environment(role)["PULSE_OTLP_ENDPOINT"] == f"http://{service['metadata']['name']}:{port}"
    if role in production.workloads():
        assert "PULSE_OTLP_ENDPOINT" not in production.environment(role)


@pytest.mark.parametrize("place", ["compose", "kubernetes"])
def test_envoys_spans_go_where_those_of_the_roles_go(place: str, kind: Manifests) -> None:
    endpoint = "http://otel-collector:4317"
    if place == "compose":
        told = compose_file.load({"PULSE_OTLP_ENDPOINT": endpoint})["services"]["envoy-config"]["entrypoint"]
    else:
        told = containers(kind.of("Deployment")["envoy"])[1]["command"]
    assert {f"OTLP={endpoint}", "TRACE_RATIO=1"} <= set(told)


def test_the_collector_is_configured_alike_everywhere(kind: Manifests) -> None:
    mounted = compose_file.load()["services"]["otel-collector"]["volumes"][0].split(":")[0]
    configuration = kind.generated("ConfigMap", "otel-collector")["data"]["collector.yaml"]
    assert configuration == (ROOT / mounted).read_text()
