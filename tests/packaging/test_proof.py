"""`make check-kubernetes` knows what it puts into its cluster: images, ports, roles, claims, certificates."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from proof.kubernetes import administrator, helm, images, overlays
from proof.kubernetes.flow_table import ONLY_IN_KIND
from proof.kubernetes.steps import breakages, flows
from proof.kubernetes.steps import production as production_step
from tests.packaging.chart import chart
from tests.packaging.manifests import Manifests, containers, render, secret_names
from tests.packaging.network import incoming, outgoing
from tests.packaging.tools import ROOT
from tools.helm_manifests import Objects, key, plain


def running(kind: Manifests) -> Manifests:
    """What has pods in the check's cluster."""
    objects = overlays.adapted(copy.deepcopy(list(kind.objects)))
    return Manifests(tuple(each for each in objects if each.get("spec", {}).get("replicas") != 0))


@pytest.fixture
def of_helm(tmp_path: Path) -> Manifests:
    values = tmp_path / "values.json"
    values.write_text(json.dumps(helm.HERE))
    return chart("--values", helm.VALUES.name, f"--values={values}")


@pytest.fixture(scope="module")
def of_production() -> Manifests:
    return render(production_step.OVERLAY)


@pytest.mark.parametrize("way", ["kind", "of_helm", "of_production"])
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


def by_key(manifests: Manifests) -> Objects:
    return {key(each): each for each in plain(copy.deepcopy(list(manifests.objects)))}


def without_what_a_user_changes(objects: Objects) -> Objects:
    """Without images, what pods ask for, the Ingress's host, and where the servers are."""
    for container in overlays.containers(list(objects.values())):
        del container["image"]
        container["resources"]["requests"].pop("cpu")
    for policy in ("to-postgres", "to-valkey"):
        del objects[f"NetworkPolicy/{policy}"]["spec"]["egress"][0]["to"]
    del objects["Ingress/pulse"]["spec"]["rules"][0]["host"], objects["Ingress/pulse"]["spec"]["tls"][0]["hosts"]
    return objects


def test_production_there_is_production_with_what_a_user_makes_theirs(
    production: Manifests, of_production: Manifests
) -> None:
    meant, tried = (without_what_a_user_changes(by_key(each)) for each in (production, of_production))
    certificates = {name for name, each in meant.items() if each["apiVersion"].startswith("cert-manager.io/")}
    assert {name: tried[name] for name in meant if name not in certificates} == {
        name: each for name, each in meant.items() if name not in certificates
    }


def test_its_servers_are_reached_as_in_a_throw_away_cluster(of_production: Manifests) -> None:
    servers = {flow for flow in ONLY_IN_KIND if not {flow[0], flow[1]} & {"seed", "otel-collector"}}
    assert {flow for flow in incoming(of_production) if flow[1] in ("postgres", "valkey", "sandbox")} == {
        flow for flow in servers if flow[1] != "envoy"
    }
    assert servers <= outgoing(of_production)


def test_every_secret_that_production_there_reads_is_there(of_production: Manifests, tmp_path: Path) -> None:
    """But for those that need not be."""
    made = {each["metadata"]["name"]: each["stringData"] for each in production_step.secrets(tmp_path / "secrets")}
    assert all(secret.keys() == {"tls.crt", "tls.key", "ca.crt"} for secret in made.values())
    read = {name for each in of_production.objects for name in secret_names(each)}
    assert read - {*made, *of_production.of("Secret")} == {"pulse-provider-files"}
    assert {"pulse-tls", "pulse-tls-ledger", "pulse-tls-edge", "pulse-tls-client"} <= made.keys()


def test_the_page_says_the_commands_by_which_keys_are_made_there() -> None:
    page = (ROOT / "docs" / "kubernetes.md").read_text()
    assert f"exec deployment/ledger -- {administrator.BOOTSTRAP}\n" in page
    assert f"\n{administrator.CREATE}\n" in page
