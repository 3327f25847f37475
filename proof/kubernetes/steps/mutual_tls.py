"""Roles that show each other certificates: those of `pulse certs`, in the Secrets that cert-manager would fill."""

from __future__ import annotations

import sys
from pathlib import Path

from proof.kubernetes import installation, ledger_calls, overlays
from proof.kubernetes.cluster import MANIFESTS, Cluster
from proof.kubernetes.commands import Failed, run
from proof.kubernetes.kubectl import Object
from proof.kubernetes.steps import channels
from shared.rpc.identity import DOMAIN

OVERLAY = MANIFESTS / "mutual-tls"

#: What the ledger says to each call of `ledger_calls`.
ANSWERS = {
    "in the clear": "UNAVAILABLE",
    "with its certificate": "OK",
    "with it what a worker may": "PERMISSION_DENIED",
}

_CERT_MANAGER = "cert-manager.io/"

_PROGRAM = Path(ledger_calls.__file__).read_text()


def encrypt(cluster: Cluster) -> str:
    """Installed anew with certificates: notifications arrive, and the ledger answers none who shows no certificate."""
    kubectl = cluster.kubectl
    installation.remove(kubectl)
    objects = with_certificates(overlays.built(OVERLAY), cluster.work / "roles")
    took = installation.install(cluster, overlays.adapted(objects))
    arrived = channels.deliver(kubectl)
    said = kubectl.run("exec", "--stdin", "deployment/router", "--", "python", "-", stdin=_PROGRAM).split()
    if said != list(ANSWERS.values()):
        raise Failed(f"the ledger answers a router {', '.join(said)}, and not {', '.join(ANSWERS.values())}")
    calls = ", ".join(f"{how} {answer}" for how, answer in ANSWERS.items())
    return f"ready in {took:.0f} s; {arrived}; a router calls the ledger: {calls}"


def with_certificates(objects: list[Object], folder: Path) -> list[Object]:
    """The same with a Secret for each certificate that a role shows, and nothing of cert-manager's."""
    run([Path(sys.executable).with_name("pulse"), "certs", folder])
    wanted = [each for each in objects if each["kind"] == "Certificate" and "dnsNames" in each["spec"]]
    rest = [each for each in objects if not each["apiVersion"].startswith(_CERT_MANAGER)]
    return [*rest, *(_secret(certificate, folder) for certificate in wanted)]


def _secret(certificate: Object, folder: Path) -> Object:
    """What cert-manager would put there: certificate, key and authority."""
    spec = certificate["spec"]
    (identity,) = spec["dnsNames"]
    files = sorted((folder / identity.removesuffix(DOMAIN)).iterdir())
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": spec["secretName"], "namespace": certificate["metadata"]["namespace"]},
        "stringData": {file.name: file.read_text() for file in files},
    }
