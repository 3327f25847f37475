"""Pulse's objects as an overlay renders them, and what a cluster of two bare nodes needs different."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from proof.kubernetes.binaries import program
from proof.kubernetes.commands import run
from proof.kubernetes.kubectl import Object, name

NAMESPACE = "pulse"

#: Deployments whose images this check does not have; no other waits for them.
ABSENT = frozenset({"jaeger", "otel-collector", "flower"})

#: What the sandbox has received outlives its pod here, so that it can be counted after a restart of everything.
SANDBOX_CLAIM: Object = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "sandbox", "namespace": NAMESPACE},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}

#: Claims that local folders of the first node stand behind.
CLAIMS = ("data-postgres-0", "sandbox")


def render(checkout: Path, overlay: str) -> list[Object]:
    """The overlay of that checkout, unchanged."""
    return built(checkout / "deploy" / "k8s" / "overlays" / overlay)


def built(folder: Path) -> list[Object]:
    """What ``kubectl apply -k`` would send for this folder."""
    return [each for each in yaml.safe_load_all(run([program("kubectl"), "kustomize", folder])) if each]


def adapted(objects: list[Object]) -> list[Object]:
    """The same for these nodes.

    No pods whose images are not there; a claim for what the sandbox has received; and as keys are off, an answer also
    under the name by which pods call Envoy, not only to those who forward a port.
    """
    for each in objects:
        if each["kind"] == "Deployment" and name(each) in ABSENT:
            each["spec"]["replicas"] = 0
        if each["kind"] == "Deployment" and name(each) == "sandbox":
            _claim_home(each["spec"]["template"]["spec"])
        if each["kind"] == "ConfigMap" and name(each).startswith("settings-"):
            each["data"]["PULSE_OPEN_HOSTS"] = "*"
    return [*objects, SANDBOX_CLAIM]


def _claim_home(pod: dict[str, Any]) -> None:
    (home,) = (volume for volume in pod["volumes"] if volume["name"] == "home")
    home.pop("emptyDir")
    home["persistentVolumeClaim"] = {"claimName": name(SANDBOX_CLAIM)}


def with_image(objects: list[Object], old: str, new: str) -> list[Object]:
    """The same with another image in the place of one."""
    for container in containers(objects):
        if container["image"] == old:
            container["image"] = new
    return objects


def containers(objects: list[Object]) -> Iterator[dict[str, Any]]:
    """Every container of every workload."""
    for each in objects:
        spec = each.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        pod = spec.get("template", {}).get("spec", {}) if isinstance(spec.get("template"), dict) else {}
        yield from (*pod.get("initContainers", []), *pod.get("containers", []))


def volumes(folder: Path) -> list[Object]:
    """Empty folders of the first node for the claims."""
    return [_volume(claim, folder / claim) for claim in CLAIMS]


def _volume(claim: str, folder: Path) -> Object:
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    here = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["node1"]}]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": claim},
        "spec": {
            "capacity": {"storage": "4Gi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {"namespace": NAMESPACE, "name": claim},
            "local": {"path": str(folder)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [here]}},
        },
    }
