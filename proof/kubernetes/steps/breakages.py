"""What ends without having been told: pods by SIGKILL, PostgreSQL; and a node that is emptied."""

from __future__ import annotations

import time
from functools import partial

from proof.kubernetes import rollout
from proof.kubernetes.cluster import Cluster
from proof.kubernetes.commands import Failed
from proof.kubernetes.kubectl import Kubectl, Object, name
from proof.kubernetes.load import Load
from proof.kubernetes.waiting import until

#: Those that the suite itself consists of, and Valkey, which may be lost.
ROLES = ("envoy", "gateway", "router", "ledger", "delivery", "worker-high", "worker-low", "console", "valkey")

#: Envoy asks DNS every 5 s who is there: until then one that is back is as good as gone, s.
NOTICED_S = 6.0


def drain(cluster: Cluster) -> str:
    """The second node is emptied under load; its pods move to the first one."""
    kubectl, node = cluster.kubectl, cluster.nodes[1]
    there = sum(pod["spec"]["nodeName"] == node.name for pod in kubectl.pods())
    try:
        with Load(kubectl) as load:
            options = ("--ignore-daemonsets", "--delete-emptydir-data", "--timeout=300s")
            took = until(lambda: kubectl.run("drain", node.name, *options, within_s=330), "the drain", 330)
            rollout.until_settled(kubectl)
    finally:
        kubectl.run("uncordon", node.name)
    return f"{there} pods moved in {took:.0f} s; {load.require()}"


def kill(cluster: Cluster) -> str:
    """Each pod's main process is killed, one pod after the other: requests under way may fail, nothing is lost."""
    return "\n".join(f"{role}: {_kill_all(cluster, role)}" for role in ROLES)


def _kill_all(cluster: Cluster, role: str) -> str:
    kubectl = cluster.kubectl
    pods = kubectl.pods(role)
    with Load(kubectl) as load:
        for pod in pods:
            _kill(cluster, pod)
            until(partial(_restarted, kubectl, pod), f"{name(pod)} to be back")
            time.sleep(NOTICED_S)
        rollout.until_settled(kubectl)
    outcome = load.require(no_failures=False)
    return "; ".join([f"{len(pods)} killed", str(outcome), *outcome.failures[:3]])


def restart_database(kubectl: Kubectl) -> str:
    """PostgreSQL's only pod is replaced: requests fail meanwhile, nothing that was accepted is lost."""
    with Load(kubectl) as load:
        began = time.monotonic()
        kubectl.run("delete", "pod", "postgres-0")
        rollout.until_settled(kubectl)
        took = time.monotonic() - began
    return f"back after {took:.0f} s; {load.require(no_failures=False)}"


def _kill(cluster: Cluster, pod: Object) -> None:
    """Ends the first process of its container, seen from the node."""
    node = next(each for each in cluster.nodes if each.name == pod["spec"]["nodeName"])
    container = _container(pod)["containerID"].removeprefix("containerd://")
    for line in node.run("ctr", "--namespace=k8s.io", "tasks", "list").splitlines():
        words = line.split()
        if words[0] == container:
            node.run("kill", "-KILL", words[1])
            return
    raise Failed(f"{name(pod)} has no process")


def _restarted(kubectl: Kubectl, before: Object) -> bool:
    now = kubectl.get("pod", name(before))
    container = _container(now)
    return bool(container["restartCount"] > _container(before)["restartCount"] and container["ready"])


def _container(pod: Object) -> Object:
    return dict(pod["status"]["containerStatuses"][0])
