"""The component that turns mutual TLS on: every role has its own certificate, and knows where it is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from shared.identity import ROLES, name_of
from tests.packaging.manifests import K8S, Manifests, containers, pod, render
from tests.packaging.roles import SETTINGS

#: The role in the certificate of each Deployment.
IDENTITIES = {
    **{role: role for role in ("gateway", "router", "ledger", "delivery", "console")},
    "worker-high": "worker",
    "worker-low": "worker",
    "envoy": "edge",
}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Manifests:
    """The production overlay with mutual TLS."""
    tree = Path(shutil.copytree(K8S.parent, tmp_path_factory.mktemp("deploy") / "deploy"))
    overlay = tree / "k8s" / "overlays" / "production" / "kustomization.yaml"
    content = yaml.safe_load(overlay.read_text())
    content["components"] = ["../../components/mutual-tls"]
    overlay.write_text(yaml.safe_dump(content))
    return render(overlay.parent)


def test_there_is_a_certificate_for_every_role(guarded: Manifests) -> None:
    certificates = guarded.of("Certificate")
    for role in ROLES:
        spec = certificates[f"pulse-{role}"]["spec"]
        assert spec["dnsNames"] == [name_of(role)]
        assert {"server auth", "client auth"} <= set(spec["usages"])
        assert spec["secretName"] == f"pulse-tls-{role}"


@pytest.mark.parametrize(("deployment", "identity"), IDENTITIES.items())
def test_each_workload_has_its_own_certificate_and_no_others(
    deployment: str, identity: str, guarded: Manifests
) -> None:
    workload = guarded.of("Deployment")[deployment]
    secrets = [v["secret"]["secretName"] for v in pod(workload)["volumes"] if v["name"] == "tls"]
    assert secrets == [f"pulse-tls-{identity}"]
    (mount,) = [m for m in containers(workload)[0]["volumeMounts"] if m["name"] == "tls"]
    assert mount == {"name": "tls", "mountPath": "/etc/pulse/tls", "readOnly": True}
    assert "subPath" not in mount, "it would not follow a renewal"


@pytest.mark.parametrize("role", [name for name in IDENTITIES if name != "envoy"])
def test_each_role_is_told_where_its_certificate_is(role: str, guarded: Manifests) -> None:
    settings = SETTINGS[role].load(guarded.environment(role))
    assert settings.tls is not None
    assert settings.tls.certificate == "/etc/pulse/tls/tls.crt"


@pytest.mark.parametrize("role", ["gateway", "router", "ledger", "delivery"])
def test_kubernetes_asks_for_health_where_no_certificate_is_wanted(role: str, guarded: Manifests) -> None:
    (container,) = pod(guarded.of("Deployment")[role])["containers"]
    port = SETTINGS[role].load(guarded.environment(role)).health_listen.rpartition(":")[2]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["grpc"] == {"port": int(port)}, probe


def test_envoy_is_configured_to_show_its_certificate(guarded: Manifests) -> None:
    (init,) = pod(guarded.of("Deployment")["envoy"])["initContainers"]
    assert init["command"] == ["envoy-config", "/config", "TLS=/etc/pulse/tls"]
