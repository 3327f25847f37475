"""compose.tls.yaml turns mutual TLS on for every role of compose.yaml that speaks gRPC."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from proof.image.compose_file import load
from tests.packaging.roles import SETTINGS
from tests.packaging.tools import ROOT

#: The role in each service's certificate.
IDENTITIES = {
    **{role: role for role in ("gateway", "router", "ledger", "delivery", "console")},
    "worker-high": "worker",
    "worker-low": "worker",
    "seed": "client",
    "envoy": "edge",
}
CERTS = "${PULSE_CERTS:-./.pulse/certs}"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "compose.tls.yaml").read_text())["services"])


def test_it_adds_to_services_that_there_are(services: dict[str, Any]) -> None:
    assert set(services) == {*IDENTITIES, "envoy-config"}
    assert set(services) <= set(load()["services"])


@pytest.mark.parametrize(("service", "identity"), IDENTITIES.items())
def test_each_service_has_its_own_certificate_and_no_others(
    service: str, identity: str, services: dict[str, Any]
) -> None:
    assert services[service]["volumes"] == [f"{CERTS}/{identity}:/etc/pulse/tls:ro,z"]


@pytest.mark.parametrize("service", [name for name in IDENTITIES if name != "envoy"])
def test_each_role_is_told_where_its_certificate_is(service: str, services: dict[str, Any]) -> None:
    assert SETTINGS[service].load(dict(services[service]["environment"])).tls is not None


def test_health_is_asked_where_no_certificate_is_wanted(services: dict[str, Any]) -> None:
    asked = {name for name, one in services.items() if "healthcheck" in one}
    assert asked == {"gateway", "router", "ledger", "delivery"}
    for name in asked:
        assert services[name]["healthcheck"]["test"][-1] == services[name]["environment"]["PULSE_HEALTH_LISTEN"]


def test_envoy_is_configured_to_show_its_certificate(services: dict[str, Any]) -> None:
    assert services["envoy-config"]["command"] == ["TLS=/etc/pulse/tls"]
    assert load()["services"]["envoy-config"]["entrypoint"][:2] == ["envoy-config", "/config"]
