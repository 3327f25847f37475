"""Pulse in the cluster: put there, moved to another release, taken away."""

from __future__ import annotations

import time
from pathlib import Path

from proof.kubernetes import overlays, rollout
from proof.kubernetes.cluster import Cluster
from proof.kubernetes.images import BEFORE, PULSE
from proof.kubernetes.kubectl import Kubectl, Object, name
from proof.kubernetes.waiting import until
from services.local.home import checkout

JOBS = ("migrate", "seed")


def install(cluster: Cluster, objects: list[Object]) -> float:
    """Applies everything to a cluster that has nothing of it; how long it took until all was ready, in s."""
    _give_volumes(cluster)
    began = time.monotonic()
    cluster.kubectl.apply(objects)
    _finish_jobs(cluster.kubectl)
    rollout.until_settled(cluster.kubectl)
    return time.monotonic() - began


def make_room(cluster: Cluster) -> None:
    """What Helm must find: the namespace, which no release can hold, and volumes."""
    namespace = checkout() / "deploy" / "k8s" / "base" / "namespace.yaml"
    cluster.kubectl.run("apply", f"--filename={namespace}")
    _give_volumes(cluster)


def upgrade(kubectl: Kubectl, objects: list[Object]) -> float:
    """Moves to another release as docs/kubernetes.md says, in s; the second half of its migrations at the end."""
    began = time.monotonic()
    kubectl.run("delete", "job", *JOBS, "--ignore-not-found")
    kubectl.apply(objects)
    _finish_jobs(kubectl)
    rollout.until_settled(kubectl)
    took = time.monotonic() - began
    kubectl.run("create", "job", "--from=cronjob/migrate-after", "migrate-after-1")
    kubectl.run("wait", "--for=condition=complete", "--timeout=300s", "job/migrate-after-1", within_s=310)
    return took


def remove(kubectl: Kubectl) -> None:
    """Nothing of it is left, nor of what it stored."""
    kubectl.run("delete", "namespace", kubectl.namespace, "--ignore-not-found", within_s=300)
    kubectl.run("delete", "persistentvolume", *overlays.CLAIMS, "--ignore-not-found")
    until(lambda: kubectl.namespace not in map(name, kubectl.items("namespaces")), "the namespace to be gone")


def now() -> list[Object]:
    """The kind overlay of the code at hand."""
    return overlays.adapted(overlays.render(checkout(), "kind"))


def at(release: Path) -> list[Object]:
    """That of a release before, with its own image."""
    return overlays.with_image(overlays.adapted(overlays.render(release, "kind")), PULSE, BEFORE)


def in_two_halves(objects: list[Object]) -> list[Object]:
    """The same, whose migrations leave to the end what the release that still serves could not live with.

    The kind overlay's Job does everything at once, as no release serves before it there.
    """
    for each in objects:
        if each["kind"] == "Job" and name(each) == "migrate":
            each["spec"]["template"]["spec"]["containers"][0]["args"] = ["migrate", "--before"]
    return objects


def _give_volumes(cluster: Cluster) -> None:
    cluster.kubectl.apply(overlays.volumes(cluster.work / f"volumes-{time.monotonic_ns()}"))


def _finish_jobs(kubectl: Kubectl) -> None:
    jobs = (f"job/{job}" for job in JOBS)
    kubectl.run("wait", "--for=condition=complete", "--timeout=300s", *jobs, within_s=310)
