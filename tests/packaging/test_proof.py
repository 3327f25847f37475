"""`make check-kubernetes` knows what the kind overlay brings: images, ports, roles, claims. No cluster is needed."""

from __future__ import annotations

import copy

from proof.kubernetes import images, overlays
from proof.kubernetes.steps import breakages, flows
from tests.packaging.manifests import Manifests, containers


def running(kind: Manifests) -> Manifests:
    """What has pods in the check's cluster."""
    objects = overlays.adapted(copy.deepcopy(list(kind.objects)))
    return Manifests(tuple(each for each in objects if each.get("spec", {}).get("replicas") != 0))


def test_it_has_an_image_for_every_container(kind: Manifests) -> None:
    wanted = {container["image"] for container in overlays.containers(list(running(kind).objects))}
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
