"""metrics-server, as a process of a node."""

from __future__ import annotations

from pathlib import Path

from proof.kubernetes.binaries import program
from proof.kubernetes.nodes.node import Node

PORT = 4443


def start(node: Node, certificates: Path) -> None:
    """It asks every kubelet for its figures; manifests/metrics.yaml makes the API server ask it."""
    options = {
        "kubeconfig": certificates / "admin.conf",
        "authentication-kubeconfig": certificates / "admin.conf",
        "authorization-kubeconfig": certificates / "admin.conf",
        "cert-dir": node.folder / "metrics-server",
        "bind-address": node.address,
        "secure-port": PORT,
        "kubelet-preferred-address-types": "InternalIP",
        "kubelet-certificate-authority": certificates / "ca.crt",
        "kubelet-client-certificate": certificates / "to-kubelets.crt",
        "kubelet-client-key": certificates / "to-kubelets.key",
        "metric-resolution": "15s",
    }
    node.start("metrics-server", [program("metrics-server"), *(f"--{name}={value}" for name, value in options.items())])
