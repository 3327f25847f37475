"""The production overlay, installed as docs/kubernetes.md says, with mutual TLS and keys."""

from __future__ import annotations

from pathlib import Path

from proof.kubernetes import administrator, installation, ledger_calls, overlays, role_secrets
from proof.kubernetes.cluster import MANIFESTS, Cluster
from proof.kubernetes.commands import Failed
from proof.kubernetes.kubectl import Kubectl, Object
from proof.kubernetes.steps import channels, cleartext, spread

OVERLAY = MANIFESTS / "production"

#: Where the Ingress is.
HOST = "pulse.internal"

#: What the ledger says to each call of `ledger_calls`.
ANSWERS = {
    "in the clear": "UNAVAILABLE",
    "with its certificate": "OK",
    "with it what a worker may": "PERMISSION_DENIED",
}

_PROGRAM = Path(ledger_calls.__file__).read_text()


def install(cluster: Cluster) -> str:
    """Whoever has a key is served, the ledger answers none who shows no certificate, and no role serves without one."""
    kubectl = cluster.kubectl
    installation.remove(kubectl)
    installation.make_room(cluster)
    kubectl.apply(secrets(cluster.work / "secrets"))
    took = installation.deploy(kubectl, overlays.built(OVERLAY))
    placed = spread.over_nodes(kubectl)
    key = administrator.keys(cluster)
    return "\n".join(
        (
            f"ready in {took:.0f} s, {len(kubectl.pods())} pods; {placed}",
            channels.deliver(kubectl, key),
            _ledger_calls(kubectl),
            cleartext.refused(kubectl, key),
        )
    )


def secrets(folder: Path) -> list[Object]:
    """Those that stand in no file of the overlay."""
    return [*role_secrets.of_roles(folder / "roles"), role_secrets.of_ingress(HOST, folder / "ingress")]


def _ledger_calls(kubectl: Kubectl) -> str:
    said = kubectl.run("exec", "--stdin", "deployment/router", "--", "python", "-", stdin=_PROGRAM).split()
    if said != list(ANSWERS.values()):
        raise Failed(f"the ledger answers a router {', '.join(said)}, and not {', '.join(ANSWERS.values())}")
    calls = ", ".join(f"{how} {answer}" for how, answer in ANSWERS.items())
    return f"a router calls the ledger: {calls}"
