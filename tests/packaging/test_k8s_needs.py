"""What a cluster must have for each overlay, as docs/kubernetes.md says it."""

from __future__ import annotations

import re

import pytest

from tests.packaging.manifests import Manifests, Object, containers, pod
from tests.packaging.tools import ROOT

#: Two processors of a laptop, less what kind's own pods ask for: 950m.
LAPTOP_CPU_M = 2_000 - 950

PAGE = (ROOT / "docs" / "kubernetes.md").read_text()


def cpu_m(quantity: str) -> int:
    """Thousandths of a processor."""
    return int(quantity[:-1]) if quantity.endswith("m") else int(float(quantity) * 1_000)


def mebibytes(quantity: str) -> int:
    return int(quantity[:-2]) * {"Mi": 1, "Gi": 1_024}[quantity[-2:]]


def asked(workload: Object) -> tuple[int, int]:
    """CPU (m) and memory (MiB) that one pod asks for: its containers' or an init container's, if that is more."""
    spec = pod(workload)
    running = [each["resources"]["requests"] for each in spec["containers"]]
    first = [each["resources"]["requests"] for each in spec.get("initContainers", [])]
    return (
        max(sum(cpu_m(each["cpu"]) for each in running), *(cpu_m(each["cpu"]) for each in first), 0),
        max(sum(mebibytes(each["memory"]) for each in running), *(mebibytes(each["memory"]) for each in first), 0),
    )


def needs(manifests: Manifests) -> tuple[int, int, int]:
    """CPU (m) and memory (MiB) of all pods that stay, and CPU (m) of the second pods of a rollout of everything."""
    fewest = {
        scaler["spec"]["scaleTargetRef"]["name"]: scaler["spec"]["minReplicas"]
        for scaler in manifests.of("HorizontalPodAutoscaler").values()
    }
    cpu = memory = surge = 0
    for name, workload in manifests.of("Deployment", "StatefulSet").items():
        pods = workload["spec"].get("replicas", fewest.get(name, 1))
        one_cpu, one_memory = asked(workload)
        cpu, memory = cpu + pods * one_cpu, memory + pods * one_memory
        if workload["spec"].get("strategy", {}).get("type", "RollingUpdate") != "Recreate":
            surge += one_cpu if workload["kind"] == "Deployment" else 0
    return cpu, memory, surge


def test_a_throw_away_cluster_and_its_rollout_fit_a_laptop_of_two_processors(kind: Manifests) -> None:
    cpu, _, surge = needs(kind)
    assert cpu + surge <= LAPTOP_CPU_M


def test_a_job_of_a_throw_away_cluster_fits_beside_all_that_stays(kind: Manifests) -> None:
    jobs = sum(asked(job)[0] for job in kind.of("Job").values())
    assert needs(kind)[0] + jobs <= LAPTOP_CPU_M


@pytest.mark.parametrize("overlay", ["kind", "production"])
def test_the_page_says_what_each_overlay_asks_for(overlay: str, request: pytest.FixtureRequest) -> None:
    cpu, memory, surge = needs(request.getfixturevalue(overlay))
    (row,) = (line for line in PAGE.splitlines() if line.startswith(f"| `{overlay}` |"))
    assert [int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", row)] == [cpu, memory, surge]


def test_the_page_names_every_kind_that_an_operator_must_have_brought(production_with_options: Manifests) -> None:
    foreign = {
        f"{found['kind'].lower()}s.{group}"
        for found in production_with_options.objects
        if "." in (group := found["apiVersion"].partition("/")[0]) and not group.endswith(".k8s.io")
    }
    assert foreign
    assert not [name for name in sorted(foreign) if f"`{name}`" not in PAGE]


def test_the_page_names_what_autoscalers_measure_with() -> None:
    assert "metrics-server" in PAGE


def test_every_job_is_deleted_before_it_is_applied_again(manifests: Manifests) -> None:
    """A Job cannot be changed: applied anew over an old one it would stop the upgrade half way."""
    deleted = {name for line in re.findall(r"delete job ([a-z -]+?) --ignore-not-found", PAGE) for name in line.split()}
    assert set(manifests.of("Job")) <= deleted


def test_valkey_answers_other_pods(kind: Manifests) -> None:
    """Without a password it is in protected mode, and refuses whoever is not in its own pod."""
    (valkey,) = containers(kind.of("Deployment")["valkey"])
    args = valkey["args"]
    assert args[args.index("--protected-mode") + 1] == "no"
