"""The steps in a cluster, in their order."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from functools import partial

from proof.kubernetes import callers, cluster, figures, installation, overlays
from proof.kubernetes.cluster import Cluster
from proof.kubernetes.images import Files
from proof.kubernetes.kubectl import is_ready
from proof.kubernetes.record import Record
from proof.kubernetes.release_before import Release
from proof.kubernetes.steps import (
    admission,
    breakages,
    channels,
    charts,
    disruption,
    flows,
    production,
    restarts,
    scaling,
    spread,
    upgrades,
)
from proof.kubernetes.waiting import until

#: Restarts of everything, one after the other.
RESTARTS = 3


class Steps:
    """Tells and keeps what it sees in ``record``."""

    def __init__(self, record: Record, running: Cluster, files: Files, before: Release) -> None:
        self._record = record
        self._cluster = running
        self._kubectl = running.kubectl
        self._files = files
        self._before = before

    def run(self, only: Collection[str] = ()) -> None:
        """All of them, or of those that need no other only some; raises ``Failed`` if nothing else could follow."""
        self._record.must("images on the nodes", self._images)
        self._record.must("nodes ready", self._nodes)
        self._record.step("dry run", self._dry_run)
        self._record.must("kind overlay ready", self._install)
        for what, step in self._independent().items():
            if not only or what in only:
                self._record.step(what, step)
        self._record.step("memory and disk", self._figures)

    def _independent(self) -> dict[str, Callable[[], str]]:
        """By name; the last three replace the installation."""
        kubectl = self._kubectl
        rolling = {f"restart {number}": partial(restarts.rolling, kubectl) for number in range(1, RESTARTS + 1)}
        return {
            "Pod Security": partial(admission.pod_security, kubectl),
            "spread": partial(spread.over_nodes, kubectl),
            "channels": partial(channels.deliver, kubectl),
            "flows": partial(flows.matrix, kubectl),
            "evictions": partial(disruption.hold, kubectl),
            **rolling,
            "drain": partial(breakages.drain, self._cluster),
            "kill": partial(breakages.kill, self._cluster),
            "PostgreSQL": partial(breakages.restart_database, kubectl),
            "autoscalers": self._scale,
            "production": partial(production.install, self._cluster),
            "helm": partial(charts.install_and_go, self._cluster),
            "upgrade": partial(upgrades.replace, self._cluster, self._before),
        }

    def _images(self) -> str:
        began = time.monotonic()
        wanted = {each["image"] for each in overlays.containers(installation.now())}
        for node in self._cluster.nodes:
            self._files.load(node, wanted)
        sizes = ", ".join(f"{name} {size} MB" for name, size in self._files.sizes_mb().items())
        return f"{time.monotonic() - began:.0f} s; {sizes}"

    def _nodes(self) -> str:
        took = cluster.until_ready(self._cluster)
        self._kubectl.apply(callers.objects())
        for namespace in callers.CALLERS:
            until(partial(self._calls, namespace), f"the pod in {namespace}")
        return f"{took:.0f} s"

    def _calls(self, namespace: str) -> bool:
        return is_ready(self._kubectl.get("pod", "caller", f"--namespace={namespace}"))

    def _dry_run(self) -> str:
        """In the overlay's own namespace, which is all that exists by then."""
        space = [each for each in installation.now() if each["kind"] == "Namespace"]
        self._kubectl.apply(space)
        return admission.dry_run(self._kubectl)

    def _install(self) -> str:
        return f"{installation.install(self._cluster, installation.now()):.0f} s"

    def _scale(self) -> str:
        if not cluster.metrics_work(self._cluster):
            return "not tried: metrics-server has no figures here"
        return scaling.grow(self._kubectl)

    def _figures(self) -> str:
        memory = figures.memory_mib(self._cluster.nodes)
        shown = ", ".join(f"{program} {mib}" for program, mib in memory.items() if mib > 10)
        return f"MiB of memory: {shown}; MiB on disk: {figures.disk_mib(self._cluster.work)}"
