"""What a PodDisruptionBudget holds up."""

from __future__ import annotations

import json
import time

from proof.kubernetes.commands import Failed
from proof.kubernetes.kubectl import Kubectl, Object, name
from proof.kubernetes.waiting import until


def hold(kubectl: Kubectl) -> str:
    """Of two pods of a role one may be evicted; the other only once the first one's successor is ready."""
    told = []
    for budget in kubectl.items("poddisruptionbudgets"):
        role = name(budget)
        pods = kubectl.pods(role)
        if len(pods) < 2:
            continue
        first, second = pods[:2]
        _evict(kubectl, first)
        refused = kubectl.refusal("create", "--filename=-", f"--raw={_path(second)}", stdin=_eviction(second))
        if "disruption budget" not in refused:
            raise Failed(f"{role}: {refused}")
        began = time.monotonic()
        until(lambda: _evicted(kubectl, second), f"the second {role} to be let go", 120)  # noqa: B023
        told.append(f"{role} {time.monotonic() - began:.0f} s")
    if not told:
        raise Failed("no role has two pods")
    return f"the second pod of a role was held until the first one's successor was ready: {', '.join(told)}"


def _evict(kubectl: Kubectl, pod: Object) -> None:
    kubectl.run("create", "--filename=-", f"--raw={_path(pod)}", stdin=_eviction(pod))


def _evicted(kubectl: Kubectl, pod: Object) -> bool:
    _evict(kubectl, pod)
    return True


def _path(pod: Object) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{name(pod)}/eviction"


def _eviction(pod: Object) -> str:
    metadata = {"name": name(pod), "namespace": pod["metadata"]["namespace"]}
    return json.dumps({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata})
