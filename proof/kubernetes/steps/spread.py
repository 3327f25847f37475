"""Where the scheduler puts the pods of a role."""

from __future__ import annotations

from proof.kubernetes.commands import Failed
from proof.kubernetes.kubectl import Kubectl, name

#: Pods of a role from which on one node is not enough.
SEVERAL = 2


def over_nodes(kubectl: Kubectl) -> str:
    """Every Deployment with several pods has them on several nodes, so that the loss of one leaves it the others."""
    places: dict[str, set[str]] = {}
    for deployment in kubectl.items("deployments"):
        pods = kubectl.pods(name(deployment))
        if len(pods) >= SEVERAL:
            places[name(deployment)] = {pod["spec"]["nodeName"] for pod in pods}
    together = sorted(role for role, nodes in places.items() if len(nodes) < SEVERAL)
    if together or not places:
        raise Failed(f"all pods on one node: {', '.join(together) or 'no role has several'}")
    return f"on both nodes: {', '.join(sorted(places))}"
