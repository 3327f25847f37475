"""Mutual TLS in production: every role has its own certificate, and knows where it is."""

from __future__ import annotations

import pytest

from shared.rpc.identity import ROLES, name_of
from tests.packaging.chart import chart
from tests.packaging.manifests import Manifests, containers, pod
from tests.packaging.roles import SETTINGS

#: The role in the certificate of each Deployment.
IDENTITIES = {
    **{role: role for role in ("gateway", "router", "ledger", "delivery", "console")},
    "worker-high": "worker",
    "worker-low": "worker",
    "envoy": "edge",
}


@pytest.fixture(params=["overlay", "chart", "chart in another namespace"])
def manifests_with_certificates(request: pytest.FixtureRequest, production: Manifests) -> Manifests:
    """The production overlay, and what the chart makes of it."""
    if request.param == "overlay":
        return production
    return chart(*(["--namespace", "messages"] if "another" in request.param else []))


def test_there_is_a_certificate_for_every_role(production: Manifests) -> None:
    certificates = production.of("Certificate")
    for role in ROLES:
        spec = certificates[f"pulse-{role}"]["spec"]
        assert spec["dnsNames"][0] == name_of(role)
        assert {"server auth", "client auth"} <= set(spec["usages"])
        assert spec["secretName"] == f"pulse-tls-{role}"


def test_only_the_gateway_which_others_call_has_further_names(manifests_with_certificates: Manifests) -> None:
    """Those of its Service, from its own namespace and from others, and where its port is forwarded to.

    A client that is no role checks the name by which it calls.
    """
    certificates = manifests_with_certificates.of("Certificate")
    further = {name: names for name, found in certificates.items() if (names := found["spec"].get("dnsNames", [])[1:])}
    namespace = certificates["pulse-gateway"]["metadata"]["namespace"]
    service = [".".join(("gateway", *rest)) for rest in ((), (namespace,), (namespace, "svc"))]
    assert further == {"pulse-gateway": [*service, "localhost"]}


@pytest.mark.parametrize(("deployment", "identity"), IDENTITIES.items())
def test_each_workload_has_its_own_certificate_and_no_others(
    deployment: str, identity: str, production: Manifests
) -> None:
    workload = production.of("Deployment")[deployment]
    secrets = [v["secret"]["secretName"] for v in pod(workload)["volumes"] if v["name"] == "tls"]
    assert secrets == [f"pulse-tls-{identity}"]
    (mount,) = [m for m in containers(workload)[0]["volumeMounts"] if m["name"] == "tls"]
    assert mount == {"name": "tls", "mountPath": "/etc/pulse/tls", "readOnly": True}
    assert "subPath" not in mount, "it would not follow a renewal"


@pytest.mark.parametrize("role", [name for name in IDENTITIES if name != "envoy"])
def test_each_role_is_told_where_its_certificate_is(role: str, production: Manifests) -> None:
    settings = SETTINGS[role].load(production.environment(role))
    assert settings.tls is not None
    assert settings.tls.certificate == "/etc/pulse/tls/tls.crt"


@pytest.mark.parametrize("role", ["gateway", "router", "ledger", "delivery"])
def test_kubernetes_asks_for_health_where_no_certificate_is_wanted(role: str, production: Manifests) -> None:
    (container,) = pod(production.of("Deployment")[role])["containers"]
    port = SETTINGS[role].load(production.environment(role)).health_listen.rpartition(":")[2]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["grpc"] == {"port": int(port)}, probe


def test_envoy_is_configured_to_show_its_certificate(production: Manifests) -> None:
    (init,) = pod(production.of("Deployment")["envoy"])["initContainers"]
    assert init["command"] == ["envoy-config", "/config", "TLS=/etc/pulse/tls"]
