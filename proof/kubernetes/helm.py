"""The chart's release in the cluster, by Helm, run on the first node as the cluster's administrator."""

from __future__ import annotations

import yaml

from proof.kubernetes.binaries import program
from proof.kubernetes.cluster import Cluster
from proof.kubernetes.kubectl import Object
from services.local.home import checkout

CHART = checkout() / "deploy" / "helm" / "pulse"

#: Those of the kind overlay.
VALUES = CHART / "ci" / "kind-values.yaml"

#: As `overlays.adapted`: no pods whose images are not here, and an answer under the name by which pods call Envoy.
HERE: Object = {
    "tracing": {"enabled": False},
    "flower": {"enabled": False},
    "settings": {"PULSE_OPEN_HOSTS": "*"},
}

RELEASE = "pulse"

#: Longest time until everything is ready, s.
READY_S = 420


class Helm:
    """Its own files, such as they are, lie with the node's."""

    def __init__(self, cluster: Cluster) -> None:
        self._node = cluster.nodes[0]
        self._options = (
            f"--kubeconfig={cluster.certificates / 'admin.conf'}",
            f"--namespace={cluster.kubectl.namespace}",
        )

    def install(self) -> None:
        """Returns when everything is ready, the Jobs included."""
        self._put("install", HERE, "--wait-for-jobs")

    def upgrade(self, changed: Object) -> None:
        """Moves the release to these values on top of those that it was installed with; returns as `install`."""
        self._put("upgrade", HERE | changed)

    def uninstall(self) -> None:
        """Returns when its objects are gone; their pods may still be ending."""
        self._run("uninstall", RELEASE, "--wait")

    def _put(self, verb: str, values: Object, *options: str) -> None:
        given = (f"--values={VALUES}", "--values=-", "--wait", f"--timeout={READY_S}s", *options)
        self._run(verb, RELEASE, str(CHART), *given, stdin=yaml.safe_dump(values))

    def _run(self, *arguments: str, stdin: str = "") -> None:
        """Raises :class:`~proof.kubernetes.commands.Failed`."""
        home = f"HOME={self._node.folder / 'helm'}"
        own = (*arguments, *self._options)
        self._node.run("env", home, program("helm"), *own, stdin=stdin, within_s=READY_S + 30)
