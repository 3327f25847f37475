"""How many pods there are, and how they come and go."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.packaging.manifests import Manifests, Object, pod
from tests.packaging.roles import SETTINGS
from tests.packaging.tools import ROOT

#: Role: fewest pods, most pods, CPU goal in percent of what a pod asks for.
TABLE = {"gateway": (2, 10, 70), "worker-high": (2, 20, 60), "worker-low": (1, 10, 70)}
#: A laptop has room for no more.
MOST_IN_KIND = 3

ROLES = ("gateway", "router", "ledger", "delivery", "worker-high", "worker-low", "envoy", "console")

#: Seconds: how long a claim is held, and how long calls in flight may take at a stop.
LEASE_S, DRAIN_S = 12, 10

#: Whom Envoy calls, and which therefore say that they leave before they stop.
LEAVING = ("gateway", "delivery")


def cpu_goal(autoscaler: Object) -> int:
    (metric,) = autoscaler["spec"]["metrics"]
    assert metric["resource"]["name"] == "cpu"
    return int(metric["resource"]["target"]["averageUtilization"])


def test_the_front_door_and_the_workers_grow_by_the_table(production: Manifests) -> None:
    assert bounds(production) == TABLE


def test_in_a_throw_away_cluster_they_grow_less(kind: Manifests) -> None:
    assert bounds(kind) == {role: (least, MOST_IN_KIND, goal) for role, (least, _, goal) in TABLE.items()}


def bounds(manifests: Manifests) -> dict[str, tuple[int, int, int]]:
    """Fewest pods, most pods and CPU goal of whoever has an autoscaler."""
    return {
        scaler["spec"]["scaleTargetRef"]["name"]: (
            scaler["spec"]["minReplicas"],
            scaler["spec"]["maxReplicas"],
            cpu_goal(scaler),
        )
        for scaler in manifests.of("HorizontalPodAutoscaler").values()
    }


def test_keda_keeps_to_the_same_table_and_leaves_no_second_autoscaler(production_with_options: Manifests) -> None:
    def row(scaled: Object) -> tuple[Any, ...]:
        spec = scaled["spec"]
        (cpu,) = (trigger for trigger in spec["triggers"] if trigger["type"] == "cpu")
        return spec["minReplicaCount"], spec["maxReplicaCount"], int(cpu["metadata"]["value"])

    scaled = {name: row(found) for name, found in production_with_options.of("ScaledObject").items()}
    assert scaled == {name: row for name, row in TABLE.items() if name.startswith("worker-")}
    assert set(production_with_options.of("HorizontalPodAutoscaler")) == {"gateway"}


def test_who_is_scaled_states_no_number_of_its_own(manifests: Manifests) -> None:
    """An applied ``replicas`` would undo what the autoscaler found right."""
    for role in TABLE:
        assert "replicas" not in manifests.of("Deployment")[role]["spec"], role


def test_every_container_says_what_it_needs_so_that_the_goals_mean_something(manifests: Manifests) -> None:
    for name, workload in manifests.workloads().items():
        for container in pod(workload)["containers"]:
            assert {"cpu", "memory"} <= set(container["resources"]["requests"]), name
            assert "memory" in container["resources"]["limits"], name


def test_routers_know_how_many_they_are(manifests: Manifests) -> None:
    """Without Redis each admits its share of a limit; a wrong number would admit too many or too few."""
    replicas = manifests.of("Deployment")["router"]["spec"]["replicas"]
    assert manifests.environment("router")["PULSE_ROUTER_REPLICAS"] == str(replicas)


@pytest.mark.parametrize("role", ROLES)
def test_a_node_that_is_emptied_takes_one_pod_at_a_time(role: str, production: Manifests) -> None:
    budget = production.of("PodDisruptionBudget")[role]["spec"]
    labels = production.of("Deployment")[role]["spec"]["template"]["metadata"]["labels"]
    assert budget["maxUnavailable"] == 1
    assert budget["selector"]["matchLabels"].items() <= labels.items()


@pytest.mark.parametrize("role", ROLES)
def test_pods_of_a_role_are_spread_over_nodes_of_any_cluster(role: str, production: Manifests) -> None:
    """The scheduler spreads over no node that lacks the label of any constraint: a zone's is not on every cluster's."""
    deployment = production.of("Deployment")[role]
    (constraint,) = pod(deployment)["topologySpreadConstraints"]
    assert constraint["topologyKey"] == "kubernetes.io/hostname"
    assert counts_own_role(constraint, deployment)


@pytest.mark.parametrize("role", ROLES)
def test_pods_of_a_role_rather_go_to_different_zones(role: str, production: Manifests) -> None:
    deployment = production.of("Deployment")[role]
    (preference,) = pod(deployment)["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert preference["podAffinityTerm"]["topologyKey"] == "topology.kubernetes.io/zone"
    assert counts_own_role(preference["podAffinityTerm"], deployment)


def counts_own_role(term: Object, deployment: Object) -> bool:
    """Whether the pods that it counts are those of the same role and revision."""
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    selects = term["labelSelector"]["matchLabels"].items() <= labels.items()
    return selects and term["matchLabelKeys"] == ["app.kubernetes.io/name", "pod-template-hash"]


@pytest.mark.parametrize("role", ROLES)
def test_an_update_takes_no_pod_away_before_another_is_ready(role: str, production: Manifests) -> None:
    assert production.of("Deployment")[role]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


@pytest.mark.parametrize("role", ROLES)
def test_a_pod_that_stops_has_time_for_its_leases_and_calls(role: str, production: Manifests) -> None:
    spec = pod(production.of("Deployment")[role])
    pause = spec["containers"][0].get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    lease = LEASE_S if role.startswith("worker-") else 0
    leave = float(production.environment(role).get("PULSE_LEAVE_SECONDS", 0)) if role in LEAVING else 0
    assert spec["terminationGracePeriodSeconds"] > pause + leave + lease + DRAIN_S


def test_a_server_answers_on_until_its_callers_know_that_it_leaves(production: Manifests) -> None:
    """Envoy asks DNS every 5 seconds; a pod that ended sooner would be called in vain."""
    for role in ("gateway", "router", "ledger", "delivery", "console"):
        (container,) = pod(production.of("Deployment")[role])["containers"]
        assert container["lifecycle"]["preStop"]["sleep"]["seconds"] > 5, role


@pytest.mark.parametrize("role", LEAVING)
def test_envoy_has_heard_that_a_server_leaves_before_it_stops(role: str, manifests: Manifests) -> None:
    """Envoy gives a host up after so many noes; one that stops sooner is called in vain."""
    text = re.sub(r"\$\{\w+\}", "0", (ROOT / "deploy" / "envoy" / "envoy.yaml").read_text())
    clusters = yaml.safe_load(text)["static_resources"]["clusters"]
    (cluster,) = (each for each in clusters if each["name"] == f"pulse-{role}")
    (check,) = cluster["health_checks"]
    heard = float(check["interval"].removesuffix("s")) * check["unhealthy_threshold"]
    assert SETTINGS[role].load(manifests.environment(role)).leave_seconds > heard
