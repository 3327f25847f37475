"""What runs on each node: containerd, the kubelet, kube-proxy, and kube-router, which enforces network policies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from proof.kubernetes.binaries import program
from proof.kubernetes.nodes.control_plane import SERVICE_OF_DNS, SERVICES
from proof.kubernetes.nodes.machine import NETWORK_PLUGINS
from proof.kubernetes.nodes.node import Node
from proof.kubernetes.waiting import until

PAUSE = "localhost/pause:proof"

_CONTAINERD = """\
version = 2
root = "{folder}/containerd"
state = "/run/containerd-state"
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  disable_apparmor = true
  restrict_oom_score_adj = true  # a machine may withhold CAP_SYS_RESOURCE
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{folder}/network"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
"""


def start_runtime(node: Node) -> None:
    """containerd with a network for its pods; returns when it answers."""
    network = node.folder / "network"
    network.mkdir()
    (network / "10-pods.conflist").write_text(json.dumps(_network(node)))
    file = node.folder / "containerd.toml"
    file.write_text(_CONTAINERD.format(folder=node.folder, pause=PAUSE, plugins=NETWORK_PLUGINS))
    node.start("containerd", ["containerd", "-c", file])
    until(lambda: node.run("ctr", "version"), f"containerd of {node.name}", 60)


def start(node: Node, certificates: Path, control_groups: str) -> None:
    """The other three."""
    kubelet = node.folder / "kubelet.yaml"
    kubelet.write_text(yaml.safe_dump(_kubelet(node, certificates, control_groups)))
    own = (f"--hostname-override={node.name}", f"--node-ip={node.address}", f"--root-dir={node.folder}/kubelet")
    node.start(
        "kubelet", [program("kubelet"), f"--config={kubelet}", f"--kubeconfig={certificates}/{node.name}.conf", *own]
    )
    proxy = node.folder / "proxy.yaml"
    proxy.write_text(yaml.safe_dump(_proxy(node, certificates)))
    node.start("kube-proxy", [program("kube-proxy"), f"--config={proxy}"])


def start_policies(node: Node, certificates: Path) -> None:
    """Policies hold from here on. The node must be known to the API server, with the range of its pods."""
    options = {
        "kubeconfig": certificates / "admin.conf",
        "hostname-override": node.name,
        "service-cluster-ip-range": SERVICES,
        "run-firewall": "true",
        "run-router": "false",
        "run-service-proxy": "false",
        "iptables-sync-period": "10s",
    }
    command: list[str | Path] = [program("kube-router"), *(f"--{name}={value}" for name, value in options.items())]
    node.start("kube-router", command, NODE_NAME=node.name)


def _network(node: Node) -> dict[str, Any]:
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": node.pods}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": str(node.folder / "addresses"),
    }
    bridge = {"type": "bridge", "bridge": "pods", "isGateway": True, "hairpinMode": True, "ipam": addresses}
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge]}


def _kubelet(node: Node, certificates: Path, control_groups: str) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(certificates / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(certificates / f"{node.name}.crt"),
        "tlsPrivateKeyFile": str(certificates / f"{node.name}.key"),
        "clusterDNS": [SERVICE_OF_DNS],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{control_groups}/{node.name}",
        # Machines with control groups of version 1 will do.
        "failCgroupV1": False,
        "failSwapOn": False,
        "volumePluginDir": str(node.folder / "volume-plugins"),
        # The disk is the machine's, and may be fuller than a node's ought to be.
        "evictionHard": {"memory.available": "100Mi"},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
    }


def _proxy(node: Node, certificates: Path) -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(certificates / "proxy.conf")},
        "mode": "iptables",
        "clusterCIDR": "10.244.0.0/16",
        "hostnameOverride": node.name,
        # The kernel's limits are the machine's own.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
