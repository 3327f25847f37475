"""`make check-kubernetes` knows what it puts into its cluster: images, ports, roles, claims, certificates."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from proof.kubernetes import helm, images, overlays
from proof.kubernetes.steps import breakages, flows, mutual_tls
from tests.packaging.chart import chart
from tests.packaging.manifests import Manifests, containers, pod, render


def running(kind: Manifests) -> Manifests:
    """What has pods in the check's cluster."""
    objects = overlays.adapted(copy.deepcopy(list(kind.objects)))
    return Manifests(tuple(each for each in objects if each.get("spec", {}).get("replicas") != 0))


@pytest.fixture
def of_helm(tmp_path: Path) -> Manifests:
    values = tmp_path / "values.json"
    values.write_text(json.dumps(helm.HERE))
    return chart("--values", helm.VALUES.name, f"--values={values}")


@pytest.fixture
def encrypted(tmp_path: Path) -> Manifests:
    rendered = render(mutual_tls.OVERLAY)
    return Manifests(tuple(mutual_tls.with_certificates(list(rendered.objects), tmp_path)))


@pytest.mark.parametrize("way", ["kind", "of_helm", "encrypted"])
def test_it_has_an_image_for_every_container(way: str, request: pytest.FixtureRequest) -> None:
    objects = running(request.getfixturevalue(way)).objects
    wanted = {container["image"] for container in overlays.containers(list(objects))}
    assert wanted and all(images.source(image) for image in wanted), wanted


def test_it_tries_every_port_of_every_role(kind: Manifests) -> None:
    workloads = running(kind).of("Deployment", "StatefulSet")
    ports = {
        name: {port["containerPort"] for container in containers(workload) for port in container.get("ports", [])}
        for name, workload in workloads.items()
    }
    assert {role: set(each) for role, each in flows.PORTS.items()} == ports


def test_it_kills_every_role_but_the_stand_ins_of_others(kind: Manifests) -> None:
    assert set(breakages.ROLES) == set(running(kind).of("Deployment")) - {"sandbox"}


def test_every_claim_has_a_volume(kind: Manifests) -> None:
    """Of a StatefulSet's template and of those that stand by themselves."""
    objects = running(kind)
    templates = {
        f"{claim['metadata']['name']}-{name}-0"
        for name, workload in objects.of("StatefulSet").items()
        for claim in workload["spec"]["volumeClaimTemplates"]
    }
    assert templates | set(objects.of("PersistentVolumeClaim")) == set(overlays.CLAIMS)


def test_every_certificate_that_a_pod_shows_is_there_without_cert_manager(encrypted: Manifests) -> None:
    assert {each["apiVersion"] for each in encrypted.objects if "cert-manager" in each["apiVersion"]} == set()
    secrets = encrypted.of("Secret")
    shown = {
        volume["secret"]["secretName"]: name
        for name, workload in encrypted.workloads().items()
        for volume in pod(workload)["volumes"]
        if volume["name"] == "tls"
    }
    assert {"pulse-tls-ledger", "pulse-tls-edge", "pulse-tls-client"} <= set(shown)
    for secret in shown:
        assert secrets[secret]["stringData"].keys() == {"tls.crt", "tls.key", "ca.crt"}
