"""Kubernetes on two nodes of this machine."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import yaml

from proof.kubernetes import metrics
from proof.kubernetes.commands import Failed
from proof.kubernetes.kubectl import Kubectl, is_ready
from proof.kubernetes.nodes import agents, cgroups, control_plane, machine
from proof.kubernetes.nodes.certificates import Authority
from proof.kubernetes.nodes.node import Node, connect
from proof.kubernetes.overlays import NAMESPACE
from proof.kubernetes.waiting import until

MANIFESTS = Path(__file__).with_name("manifests")


@dataclass(frozen=True)
class Cluster:
    """Two nodes, whose files and logs are in ``work``; the control plane is on the first."""

    work: Path
    nodes: list[Node]
    kubectl: Kubectl
    certificates: Path


@contextmanager
def work_folder() -> Iterator[Path]:
    """A folder for everything that the nodes write, outside of those that each node has for itself."""
    folder = Path(tempfile.mkdtemp(prefix="pulse-kubernetes-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def running(work: Path) -> Iterator[Cluster]:
    """The control plane answers and both nodes have their runtimes; nothing of it is left afterwards."""
    names = f"pulse-kubernetes-{os.getpid()}"
    with ExitStack() as stack:
        stack.enter_context(machine.settings_kept())
        stack.enter_context(cgroups.groups(names, "node1", "node2"))
        nodes = []
        for number in (1, 2):
            node = Node(number, work)
            stack.callback(node.close)
            nodes.append(node)
        connect(*nodes)
        authority = Authority(work / "certificates")
        control_plane.issue(authority, nodes)
        control_plane.start_api(nodes[0], authority.folder)
        kubectl = Kubectl(nodes[0], authority.folder / "admin.conf", NAMESPACE)
        until(lambda: kubectl.run("get", "--raw=/readyz") == "ok", "the API server", 120)
        control_plane.start_controllers(nodes[0], authority.folder)
        for node in nodes:
            agents.start_runtime(node)
            agents.start(node, authority.folder, names)
        yield Cluster(work, nodes, kubectl, authority.folder)


def until_ready(cluster: Cluster) -> float:
    """Returns, in s, how long it took until both nodes are ready, names are answered and policies are enforced."""
    for node in cluster.nodes:
        until(partial(cluster.kubectl.get, "node", node.name), f"{node.name} to register")
        # kube-router wants to know where each node's pods are.
        range_ = json.dumps({"spec": {"podCIDR": node.pods, "podCIDRs": [node.pods]}})
        cluster.kubectl.run("patch", "node", node.name, "--patch", range_)
        agents.start_policies(node, cluster.certificates)
    cluster.kubectl.apply(yaml.safe_load_all((MANIFESTS / "dns.yaml").read_text()))
    took = until(lambda: all(is_ready(each) for each in cluster.kubectl.items("nodes")), "the nodes to be ready")
    rollout = ("rollout", "status", "deployment/coredns", "--namespace=kube-system", "--timeout=120s")
    cluster.kubectl.run(*rollout, within_s=150)
    return took


def metrics_work(cluster: Cluster) -> bool:
    """Starts metrics-server; whether its API answers."""
    metrics.start(cluster.nodes[0], cluster.certificates)
    cluster.kubectl.apply(yaml.safe_load_all((MANIFESTS / "metrics.yaml").read_text()))
    try:
        until(lambda: cluster.kubectl.run("top", "nodes"), "figures of the nodes", 120)
    except Failed:
        return False
    return True
