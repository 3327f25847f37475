"""What ends without having been told: pods by SIGKILL, PostgreSQL; and a node that is emptied."""

from __future__ import annotations

from proof.kubernetes import rollout
from proof.kubernetes.cluster import Cluster
from proof.kubernetes.commands import Failed
from proof.kubernetes.kubectl import Kubectl, Object, name
from proof.kubernetes.load import Load
from proof.kubernetes.waiting import until

#: Those that the suite itself consists of, and Valkey, which may be lost.
ROLES = ("envoy", "gateway", "router", "ledger", "delivery", "worker-high", "worker-low", "console", "valkey")


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
    """The main process of each pod is killed, one pod after the other; a request may fail, nothing is lost."""
    kubectl, killed = cluster.kubectl, []
    with Load(kubectl) as load:
        for role in ROLES:
            for pod in kubectl.pods(role):
                _kill(cluster, pod)
                killed.append(role)
                until(lambda: _restarted(kubectl, pod), f"{name(pod)} to be back")  # noqa: B023
        rollout.until_settled(kubectl)
    return f"{len(killed)} pods killed; {load.require(no_failures=False)}"


def restart_database(kubectl: Kubectl) -> str:
    """PostgreSQL's only pod is replaced: requests fail meanwhile, nothing that was accepted is lost."""
    with Load(kubectl) as load:
        kubectl.run("delete", "pod", "postgres-0")
        took = rollout.until_settled(kubectl)
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
