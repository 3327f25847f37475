"""The cluster's API by kubectl, run on the first node as its administrator."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from proof.kubernetes.binaries import program
from proof.kubernetes.commands import Failed
from proof.kubernetes.nodes.node import Node

Object = dict[str, Any]


class Kubectl:
    """Everything is in ``namespace`` unless a command's own options say otherwise."""

    def __init__(self, node: Node, kubeconfig: Path, namespace: str) -> None:
        self._node = node
        self._options = (f"--kubeconfig={kubeconfig}", f"--cache-dir={node.folder}/kubectl")
        self.namespace = namespace

    def command(self, *arguments: str) -> list[str]:
        """The command line, to be run on this machine."""
        return self._node.command([program("kubectl"), *self._options, "--namespace", self.namespace, *arguments])

    def run(self, *arguments: str, stdin: str = "", within_s: float = 120.0) -> str:
        """What it prints; raises :class:`Failed`."""
        own = (*self._options, "--namespace", self.namespace)
        return self._node.run(program("kubectl"), *own, *arguments, stdin=stdin, within_s=within_s)

    def refusal(self, *arguments: str, stdin: str = "") -> str:
        """What the API server says against a command that it must refuse; raises :class:`Failed` if it does not."""
        try:
            self.run(*arguments, stdin=stdin)
        except Failed as refused:
            return str(refused).partition("\n")[2].strip()
        raise Failed(f"was not refused: kubectl {' '.join(arguments)}")

    def get(self, *arguments: str) -> Object:
        """One object, or a list of them."""
        return dict(json.loads(self.run("get", *arguments, "--output=json")))

    def items(self, *arguments: str) -> list[Object]:
        """The objects of a list."""
        return list(self.get(*arguments)["items"])

    def apply(self, objects: Iterable[Object], *options: str) -> str:
        """Makes or changes objects, each in its own namespace; returns a line for each."""
        text = yaml.safe_dump_all(objects)
        return self._node.run(program("kubectl"), *self._options, "apply", "--filename=-", *options, stdin=text)

    def pods(self, role: str = "") -> list[Object]:
        """Those that run and have not been told to leave, of one role if it is given."""
        chosen = (f"--selector=app.kubernetes.io/name={role}",) if role else ()
        found = self.items("pods", *chosen, "--field-selector=status.phase=Running")
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def is_ready(pod: Object) -> bool:
    """Whether Services send to it."""
    conditions = pod["status"].get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def name(thing: Object) -> str:
    """Its name."""
    return str(thing["metadata"]["name"])
