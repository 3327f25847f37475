"""Waiting for workloads to be as they are wanted."""

from __future__ import annotations

from proof.kubernetes.kubectl import Kubectl, Object
from proof.kubernetes.waiting import until

#: Longest time for all workloads, s.
ALL_S = 420.0


def until_settled(kubectl: Kubectl) -> float:
    """How long it took until every Deployment and StatefulSet had new pods only, all of them ready, in s."""
    return until(lambda: not unsettled(kubectl), "all pods to be new and ready", ALL_S)


def unsettled(kubectl: Kubectl) -> list[str]:
    """Names of those that are not."""
    found = kubectl.items("deployments,statefulsets")
    return [str(each["metadata"]["name"]) for each in found if not _stands(each)]


def _stands(workload: Object) -> bool:
    wanted, status = workload["spec"]["replicas"], workload["status"]
    seen = status.get("observedGeneration", 0) >= workload["metadata"]["generation"]
    counts = (status.get("replicas", 0), status.get("updatedReplicas", 0), status.get("readyReplicas", 0))
    return seen and all(count == wanted for count in counts)
