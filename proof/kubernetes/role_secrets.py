"""Secrets with certificates: those of `pulse certs` where cert-manager would put its own, and the Ingress's."""

from __future__ import annotations

import sys
from pathlib import Path

from proof.kubernetes.commands import run
from proof.kubernetes.kubectl import Object
from proof.kubernetes.nodes.certificates import Authority
from proof.kubernetes.overlays import NAMESPACE
from shared.rpc.identity import ROLES


def of_roles(folder: Path) -> list[Object]:
    """One for each role: certificate, key and authority, which the command writes into a folder that is not there."""
    run([Path(sys.executable).with_name("pulse"), "certs", folder])
    return [_secret(f"pulse-tls-{role}", folder / role) for role in ROLES]


def of_ingress(host: str, folder: Path) -> Object:
    """One for this host, by an authority of its own that writes into a folder that is not there."""
    Authority(folder).issue("tls", "ingress", serves=(host,))
    return _secret("pulse-tls", folder)


def _secret(name: str, folder: Path) -> Object:
    files = ("tls.crt", "tls.key", "ca.crt")
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "stringData": {file: (folder / file).read_text() for file in files},
    }
