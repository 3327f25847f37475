"""compose.yaml: everything is there, starts in order, and is as closed as it can be."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
import yaml

from proof.image import compose_file
from shared.config import Settings
from tests.packaging.manifests import Manifests, containers
from tests.packaging.roles import SETTINGS
from tests.packaging.tools import ROOT

SERVICES: dict[str, dict[str, Any]] = compose_file.load()["services"]

EVERYDAY = {
    *("postgres", "valkey", "migrate", "ledger", "router", "gateway", "delivery", "worker-high", "worker-low"),
    *("sandbox", "console", "envoy-config", "envoy", "seed"),
}
OBSERVE = {"jaeger", "otel-collector", "prometheus", "grafana", "flower"}
LOAD = {"locust"}

#: They end when they are done.
STEPS = {"migrate", "envoy-config", "seed"}


#: Of compose-go 2.16.2, under the Apache License 2.0: https://github.com/compose-spec/compose-go/tree/v2.16.2/schema
SCHEMA = ROOT / "tests" / "packaging" / "compose-spec.json"


def test_compose_knows_every_field() -> None:
    """The schema refuses what it does not know, but for the ``x-`` parts."""
    jsonschema.validate(compose_file.load(), json.loads(SCHEMA.read_text()))


def with_profile(profile: str | None) -> set[str]:
    return {name for name, service in SERVICES.items() if service.get("profiles", [None]) == [profile]}


def test_what_is_extra_is_behind_a_profile() -> None:
    assert with_profile(None) == EVERYDAY
    assert with_profile("observe") == OBSERVE
    assert with_profile("load") == LOAD


@pytest.mark.parametrize("name", SERVICES)
def test_no_container_can_write_to_its_image_or_gain_a_right(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_port_is_for_this_machine_alone(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


def test_the_suites_ports_are_those_of_a_laptop_and_can_be_moved() -> None:
    published = {
        name: service["ports"] for name, service in SERVICES.items() if name in EVERYDAY and "ports" in service
    }
    assert published == {
        "envoy": ["127.0.0.1:8000:8000"],
        "gateway": ["127.0.0.1:50051:50051", "127.0.0.1:8001:8001"],
        "sandbox": ["127.0.0.1:8025:8025"],
    }
    moved = compose_file.load({"PULSE_HTTP_PORT": "9000"})
    assert moved["services"]["envoy"]["ports"] == ["127.0.0.1:9000:8000"]


@pytest.mark.parametrize("name", ["worker-high", "worker-low"])
def test_workers_can_be_more_than_one(name: str) -> None:
    assert not {"container_name", "ports", "hostname"} & set(SERVICES[name])


@pytest.mark.parametrize("name", sorted(EVERYDAY - STEPS))
def test_every_server_is_asked_whether_it_is_well(name: str) -> None:
    assert "test" in SERVICES[name]["healthcheck"]


@pytest.mark.parametrize("name", SERVICES)
def test_whoever_waits_waits_for_more_than_a_started_container(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        expected = "service_completed_successfully" if other in STEPS else "service_healthy"
        assert how["condition"] == expected, other


def test_the_schema_is_there_before_the_ledger_and_the_ledger_before_all_others() -> None:
    assert set(SERVICES["ledger"]["depends_on"]) == {"migrate"}
    for name in ("router", "gateway", "delivery", "worker-high", "worker-low"):
        assert "ledger" in SERVICES[name]["depends_on"], name


@pytest.mark.parametrize("role", SETTINGS)
def test_each_role_understands_every_setting_that_it_is_given_here(role: str) -> None:
    settings: Settings = SETTINGS[role].load(compose_file.environment(SERVICES[role]))
    assert settings.env == "development"


def test_only_the_ledger_knows_the_database_and_only_its_users_the_broker() -> None:
    def users(key: str) -> set[str]:
        return {name for name, service in SERVICES.items() if key in compose_file.environment(service)}

    assert users("PULSE_DATABASE_URL") == {"ledger", "migrate"}
    assert users("PULSE_REDIS_URL") == {"router"}
    assert users("PULSE_BROKER_URL") == {"router", "worker-high", "worker-low"}
    assert users("PULSE_UNSUBSCRIBE_KEY") == {"gateway", "worker-high", "worker-low"}
    assert users("PULSE_TWILIO_AUTH_TOKEN") == {"delivery", "worker-high", "worker-low"}


def test_postgresql_and_the_broker_are_on_networks_without_a_way_out() -> None:
    networks = compose_file.load()["networks"]
    on = {name: set(service.get("networks", [])) for name, service in SERVICES.items()}
    assert networks["database"]["internal"] and networks["broker"]["internal"]
    assert {name for name, joined in on.items() if "database" in joined} == {"postgres", "ledger", "migrate"}
    assert on["postgres"] == {"database"}
    assert on["valkey"] == {"broker"}


def test_a_passwords_change_reaches_both_ends() -> None:
    services = compose_file.load({"POSTGRES_PASSWORD": "changed", "VALKEY_PASSWORD": "renewed"})["services"]
    assert services["postgres"]["environment"]["POSTGRES_PASSWORD"] == "changed"
    assert ":changed@postgres" in services["ledger"]["environment"]["PULSE_DATABASE_URL"]
    assert services["valkey"]["environment"]["VALKEY_PASSWORD"] == "renewed"
    for name, key in (
        ("router", "PULSE_REDIS_URL"),
        ("worker-high", "PULSE_BROKER_URL"),
        ("flower", "CELERY_BROKER_URL"),
    ):
        assert ":renewed@valkey" in services[name]["environment"][key], name


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_of_one_release(name: str) -> None:
    _, colon, tag = SERVICES[name]["image"].rpartition("/")[2].partition(":")
    assert colon and tag != "latest"


@pytest.mark.parametrize("name", sorted(EVERYDAY | OBSERVE))
def test_every_file_that_is_mounted_is_there(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        source = volume.split(":")[0]
        assert not source.startswith(".") or (ROOT / source).exists(), source


@pytest.mark.parametrize("file", ["compose.yaml", "compose.tls.yaml"])
def test_what_is_mounted_of_the_checkout_is_readable_where_selinux_watches(file: str) -> None:
    """``z`` gives a folder the label that containers share; a named volume has it already."""
    services = yaml.safe_load((ROOT / file).read_text())["services"]
    mounted = [volume for service in services.values() for volume in service.get("volumes", [])]
    from_here = [volume for volume in mounted if volume.startswith((".", "${"))]
    assert from_here
    assert all("z" in volume.rpartition(":")[2].split(",") for volume in from_here), from_here


def test_pages_of_other_origins_are_let_in_by_one_setting() -> None:
    told = compose_file.load({"PULSE_CORS_ORIGINS": "https://a.example"})["services"]["envoy-config"]["entrypoint"]
    assert "CORS_ORIGINS=https://a.example" in told
    assert "CORS_ORIGINS=" in SERVICES["envoy-config"]["entrypoint"]


def test_the_servers_are_those_that_the_overlay_for_a_cluster_uses(kind: Manifests) -> None:
    images = {container["image"] for workload in kind.workloads().values() for container in containers(workload)}
    assert images == {SERVICES[name]["image"] for name in EVERYDAY | {"jaeger", "otel-collector", "flower"}}


def test_the_sandbox_is_played_with_the_same_values_in_a_cluster() -> None:
    def values(path: str) -> list[str]:
        return [line for line in (ROOT / path).read_text().splitlines() if not line.startswith("#")]

    assert values("deploy/compose/sandbox.env") == values("deploy/k8s/overlays/kind/servers/providers.env")
