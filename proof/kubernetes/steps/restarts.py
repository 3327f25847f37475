"""Everything restarts, one pod of a role after the other, while a load goes on."""

from __future__ import annotations

from proof.kubernetes import rollout
from proof.kubernetes.kubectl import Kubectl
from proof.kubernetes.load import Load


def rolling(kubectl: Kubectl) -> str:
    """Every Deployment gets new pods; no request fails, and all that was accepted arrives."""
    with Load(kubectl) as load:
        kubectl.run("rollout", "restart", "deployment")
        took = rollout.until_settled(kubectl)
    return f"{took:.0f} s; {load.require()}"
