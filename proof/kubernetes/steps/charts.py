"""The Helm chart in place of the overlay: installed, changed, taken away."""

from __future__ import annotations

import time
from collections.abc import Callable

from proof.kubernetes import installation
from proof.kubernetes.cluster import Cluster
from proof.kubernetes.commands import Failed
from proof.kubernetes.helm import Helm
from proof.kubernetes.kubectl import Kubectl, name
from proof.kubernetes.load import Load
from proof.kubernetes.steps import channels
from proof.kubernetes.waiting import until

#: Pods of the router after the upgrade; all are replaced, as each is told how many there are.
ROUTERS = 3

#: What the chart makes and what comes of it; the claim of PostgreSQL stays, as Kubernetes has it.
KINDS = "all,configmaps,secrets,serviceaccounts,networkpolicies,poddisruptionbudgets"


def install_and_go(cluster: Cluster) -> str:
    """Notifications arrive, an upgrade fails no request, and soon nothing that Helm made is left."""
    kubectl, helm = cluster.kubectl, Helm(cluster)
    installation.remove(kubectl)
    installation.make_room(cluster)
    installed = _seconds(helm.install)
    arrived = channels.deliver(kubectl)
    with Load(kubectl) as load:
        upgraded = _seconds(lambda: helm.upgrade({"replicas": {"router": ROUTERS}}))
    _require_routers(kubectl)
    uninstalled = _seconds(helm.uninstall)
    until(lambda: not _left(kubectl), "what the chart made to be gone", 60)
    installation.remove(kubectl)
    return (
        f"ready in {installed:.0f} s ({arrived}); {ROUTERS} routers in {upgraded:.0f} s; {load.require()}; "
        f"taken away in {uninstalled:.0f} s"
    )


def _require_routers(kubectl: Kubectl) -> None:
    """There are as many as was asked for, and they know it."""
    pods = kubectl.pods("router")
    told = {kubectl.run("exec", name(pod), "--", "printenv", "PULSE_ROUTER_REPLICAS").strip() for pod in pods}
    if len(pods) != ROUTERS or told != {str(ROUTERS)}:
        raise Failed(f"{len(pods)} routers, which know of {', '.join(sorted(told))}")


def _left(kubectl: Kubectl) -> list[str]:
    return [name(each) for each in kubectl.items(KINDS, "--selector=app.kubernetes.io/part-of=pulse")]


def _seconds(do: Callable[[], None]) -> float:
    began = time.monotonic()
    do()
    return time.monotonic() - began
