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


def install(cluster: Cluster, objects: list[Object]) -> float:
    """Applies everything to a cluster that has nothing of it; how long it took until all was ready, in s."""
    _give_volumes(cluster)
    began = time.monotonic()
    cluster.kubectl.apply(objects)
    _finish(cluster.kubectl, _jobs(objects))
    rollout.until_settled(cluster.kubectl)
    return time.monotonic() - began


def make_room(cluster: Cluster) -> None:
    """What must be there before: the namespace, which the Secrets lie in and no release of Helm's can hold; volumes."""
    namespace = checkout() / "deploy" / "k8s" / "base" / "namespace.yaml"
    cluster.kubectl.run("apply", f"--filename={namespace}")
    _give_volumes(cluster)


def deploy(kubectl: Kubectl, objects: list[Object]) -> float:
    """Installs it or moves to another release as docs/kubernetes.md says; how long it took until all was ready, in s.

    The second half of its migrations comes at the end.
    """
    began = time.monotonic()
    kubectl.run("delete", "job", *_jobs(objects), "--ignore-not-found")
    kubectl.apply(objects)
    _finish(kubectl, _jobs(objects))
    rollout.until_settled(kubectl)
    took = time.monotonic() - began
    kubectl.run("create", "job", "--from=cronjob/migrate-after", "migrate-after-1")
    _finish(kubectl, ["migrate-after-1"])
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


def _jobs(objects: list[Object]) -> list[str]:
    """Names of those among the objects."""
    return [name(each) for each in objects if each["kind"] == "Job"]


def _finish(kubectl: Kubectl, names: list[str]) -> None:
    kubectl.run("wait", "--for=condition=complete", "--timeout=300s", *(f"job/{job}" for job in names), within_s=310)
