"""Roles of the production overlay whose certificates are taken away while a load goes on."""

from __future__ import annotations

from functools import partial

from proof.kubernetes import rollout
from proof.kubernetes.commands import Failed
from proof.kubernetes.kubectl import Kubectl, Object, name
from proof.kubernetes.load import Load
from proof.kubernetes.waiting import until

#: Those that must not be called in the clear.
ROLES = ("ledger", "router", "delivery")

#: As if the component `mutual-tls` were taken out: nothing says where a certificate is.
WITHOUT = ("PULSE_TLS_CERT_FILE=", "PULSE_TLS_KEY_FILE=", "PULSE_TLS_CA_FILE=")

#: What such a pod must say.
SENTENCE = (
    "in production this role does not serve without certificates: set PULSE_TLS_CERT_FILE, PULSE_TLS_KEY_FILE and "
    "PULSE_TLS_CA_FILE, or PULSE_CLEARTEXT=allowed where something else encrypts"
)

#: The exit status of a program whose settings are wrong.
WRONG_SETTINGS = 2


def refused(kubectl: Kubectl, key: str) -> str:
    """New pods end and say why, the old ones stay and serve, and no request fails."""
    deployments = [f"deployment/{role}" for role in ROLES]
    with Load(kubectl, key=key) as load:
        kubectl.run("set", "env", *deployments, *WITHOUT)
        for role in ROLES:
            until(partial(_says_why, kubectl, role), f"a {role} without certificates to refuse to serve")
            _require_others(kubectl, role)
        kubectl.run("rollout", "undo", *deployments)
        rollout.until_settled(kubectl)
    return f"{', '.join(ROLES)} without certificates end with status {WRONG_SETTINGS}: {SENTENCE}; {load.require()}"


def _says_why(kubectl: Kubectl, role: str) -> bool:
    """Whether a pod of the role has ended so."""
    for pod in kubectl.items("pods", f"--selector=app.kubernetes.io/name={role}"):
        if _without(pod) and _status(pod) == WRONG_SETTINGS:
            return SENTENCE in kubectl.run("logs", name(pod))
    return False


def _without(pod: Object) -> bool:
    env = pod["spec"]["containers"][0].get("env", [])
    return any(each["name"] == "PULSE_TLS_CERT_FILE" and not each.get("value") for each in env)


def _status(pod: Object) -> int | None:
    """How its container ended last."""
    for container in pod["status"].get("containerStatuses", []):
        for state in (container["state"], container["lastState"]):
            if "terminated" in state:
                return int(state["terminated"]["exitCode"])
    return None


def _require_others(kubectl: Kubectl, role: str) -> None:
    """As many of the old pods serve as there are to be."""
    status = kubectl.get("deployment", role)["status"]
    if status.get("readyReplicas") != status["replicas"] - status["updatedReplicas"]:
        raise Failed(f"{role}: {status}")
