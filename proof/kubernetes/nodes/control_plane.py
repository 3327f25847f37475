"""etcd, the API server, the controllers and the scheduler, on the first node."""

from __future__ import annotations

from pathlib import Path

from proof.kubernetes.binaries import program
from proof.kubernetes.nodes.certificates import Authority
from proof.kubernetes.nodes.node import Node

SERVICES = "10.96.0.0/16"
SERVICE_OF_API = "10.96.0.1"
SERVICE_OF_DNS = "10.96.0.10"

ETCD = "http://127.0.0.1:2379"


def issue(authority: Authority, nodes: list[Node]) -> None:
    """The certificates and kubeconfigs of everybody in the cluster."""
    api_names = ("127.0.0.1", nodes[0].address, SERVICE_OF_API, "localhost", "kubernetes", "kubernetes.default.svc")
    authority.issue("apiserver", "kube-apiserver", serves=api_names)
    authority.issue("to-kubelets", "apiserver-to-kubelets", "system:masters")
    authority.issue("front-proxy", "front-proxy")
    users = {"controllers": "system:kube-controller-manager", "scheduler": "system:kube-scheduler"}
    for name, user in {**users, "proxy": "system:kube-proxy"}.items():
        authority.issue(name, user)
    authority.issue("admin", "admin", "system:masters")
    for node in nodes:
        authority.issue(node.name, f"system:node:{node.name}", "system:nodes", serves=(node.address, node.name))
    for name in (*users, "proxy", "admin", *(node.name for node in nodes)):
        authority.kubeconfig(name)
    authority.token_keys()


def start_api(node: Node, folder: Path) -> None:
    """etcd and the API server; certificates are in ``folder``."""
    node.start("etcd", _etcd(node))
    node.start("kube-apiserver", _api_server(node, folder))


def start_controllers(node: Node, folder: Path) -> None:
    """The other two, which end if the API server does not answer yet."""
    node.start("kube-controller-manager", _controllers(folder / "controllers.conf", folder))
    node.start("kube-scheduler", [program("kube-scheduler"), *_identity(folder / "scheduler.conf")])


def _etcd(node: Node) -> list[str | Path]:
    peers = "http://127.0.0.1:2380"
    return [
        *(program("etcd"), "--data-dir", node.folder / "etcd", "--unsafe-no-fsync", "--log-level", "warn"),
        *("--listen-client-urls", ETCD, "--advertise-client-urls", ETCD, "--listen-peer-urls", peers),
    ]


def _api_server(node: Node, folder: Path) -> list[str | Path]:
    options = {
        "etcd-servers": ETCD,
        "service-cluster-ip-range": SERVICES,
        "advertise-address": node.address,
        "bind-address": node.address,
        "tls-cert-file": folder / "apiserver.crt",
        "tls-private-key-file": folder / "apiserver.key",
        "client-ca-file": folder / "ca.crt",
        "service-account-key-file": folder / "tokens.pub",
        "service-account-signing-key-file": folder / "tokens.key",
        "service-account-issuer": "https://kubernetes.default.svc",
        "kubelet-client-certificate": folder / "to-kubelets.crt",
        "kubelet-client-key": folder / "to-kubelets.key",
        "kubelet-certificate-authority": folder / "ca.crt",
        # Nodes have no names that anybody could look up.
        "kubelet-preferred-address-types": "InternalIP",
        # For the API of metrics-server, which the API server passes on.
        "requestheader-client-ca-file": folder / "ca.crt",
        "requestheader-allowed-names": "front-proxy",
        "requestheader-username-headers": "X-Remote-User",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "proxy-client-cert-file": folder / "front-proxy.crt",
        "proxy-client-key-file": folder / "front-proxy.key",
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "allow-privileged": "true",
    }
    return [program("kube-apiserver"), *(f"--{name}={value}" for name, value in options.items())]


def _controllers(kubeconfig: Path, folder: Path) -> list[str | Path]:
    options = {
        "service-account-private-key-file": folder / "tokens.key",
        "root-ca-file": folder / "ca.crt",
        "cluster-signing-cert-file": folder / "ca.crt",
        "cluster-signing-key-file": folder / "ca.key",
        "use-service-account-credentials": "true",
        # An autoscaler's new figures are looked at as soon as there are some.
        "horizontal-pod-autoscaler-sync-period": "5s",
    }
    own = [f"--{name}={value}" for name, value in options.items()]
    return [program("kube-controller-manager"), *_identity(kubeconfig), *own]


def _identity(kubeconfig: Path) -> list[str]:
    """Options of those who are clients of the API and serve nobody but this node."""
    files = ("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig")
    return [*(f"--{name}={kubeconfig}" for name in files), "--leader-elect=false", "--bind-address=127.0.0.1"]
