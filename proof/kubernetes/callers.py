"""Pods that call Pulse from outside its namespace: from where its policies let in, and from where they do not."""

from __future__ import annotations

import json
from typing import Any

from proof.kubernetes.kubectl import Kubectl, Object
from services.local.home import checkout

#: Namespaces, and the labels by which Pulse's policies know them.
CALLERS: dict[str, dict[str, str]] = {
    "ingress": {"pulse-ingress": "allowed"},
    "client": {"pulse-client": "allowed"},
    "stranger": {},
}

#: Where the ingress controller's pods find Envoy.
ENVOY = "http://envoy.pulse:8000"

_LOAD = checkout() / "proof" / "load" / "steady"

_POST = """
import sys, urllib.request
headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {sys.argv[2]}"} if sys.argv[2] else {})}
request = urllib.request.Request(sys.argv[1], sys.stdin.buffer.read(), headers)
print(urllib.request.urlopen(request, timeout=20).read().decode())
"""


def objects() -> list[Object]:
    """A namespace with a pod for each; all have the program of the load."""
    program = {file.name: file.read_text() for file in sorted(_LOAD.glob("*.py"))}
    made: list[Object] = []
    for namespace, labels in CALLERS.items():
        metadata = {"name": "caller", "namespace": namespace}
        made += [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}},
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": program},
            pod("caller", namespace, {}),
        ]
    return made


def pod(name: str, namespace: str, labels: dict[str, str]) -> Object:
    """One on the first node that waits for commands, and may run where `restricted` is enforced."""
    closed = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {
        "name": "caller",
        "image": "pulse:local",
        "command": ["sleep", "infinity"],
        "securityContext": closed,
        # A load that waits for the processor would see failures and pauses of its own.
        "resources": {"requests": {"cpu": "200m"}},
        "volumeMounts": [{"name": "load", "mountPath": "/load/proof/load/steady"}],
    }
    spec: dict[str, Any] = {
        "nodeName": "node1",
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": "load", "configMap": {"name": "caller", "optional": True}}],
    }
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def command(kubectl: Kubectl, *program: str) -> list[str]:
    """The command line, on this machine, of a program in the pod from which Envoy may be called."""
    return kubectl.command("exec", "--namespace=ingress", "--stdin", "caller", "--", *program)


def run(kubectl: Kubectl, *program: str, stdin: str = "") -> str:
    """What a program prints there."""
    return kubectl.run("exec", "--namespace=ingress", "--stdin", "caller", "--", *program, stdin=stdin)


def post(kubectl: Kubectl, path: str, body: Object, key: str = "") -> Object:
    """The answer to a request through Envoy; raises :class:`~proof.kubernetes.commands.Failed` for a refusal."""
    return dict(json.loads(run(kubectl, "python", "-c", _POST, f"{ENVOY}{path}", key, stdin=json.dumps(body))))
