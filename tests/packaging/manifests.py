"""Rendered Kubernetes objects, and what tests ask about them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.packaging.tools import ROOT, program, run

K8S = ROOT / "deploy" / "k8s"

Object = dict[str, Any]

#: Kinds whose pods come from a template.
WORKLOADS = ("Deployment", "StatefulSet", "Job", "CronJob")


def render(folder: Path) -> Manifests:
    """What ``kubectl apply -k`` would send for this folder."""
    kustomize = program("kustomize", "kubectl")
    verb = "build" if kustomize.endswith("kustomize") else "kustomize"
    return Manifests(tuple(yaml.safe_load_all(run(kustomize, verb, str(folder)))))


@dataclass(frozen=True)
class Manifests:
    """All objects of one overlay."""

    objects: tuple[Object, ...]

    def of(self, *kinds: str) -> dict[str, Object]:
        """Objects of these kinds, by name."""
        return {found["metadata"]["name"]: found for found in self.objects if found["kind"] in kinds}

    def workloads(self) -> dict[str, Object]:
        return self.of(*WORKLOADS)

    def generated(self, kind: str, name: str) -> Object:
        """The ConfigMap or Secret that was generated under this name, whatever its hash."""
        return next(found for full, found in self.of(kind).items() if full.rpartition("-")[0] == name)

    def environment(self, workload: str) -> dict[str, str]:
        """Variables of the workload's first container; those out of a Secret that is not here are left out."""
        container = containers(self.workloads()[workload])[0]
        found: dict[str, str] = {}
        for source in container.get("envFrom", []):
            found.update(self._all_of(source))
        for variable in container.get("env", []):
            value = variable.get("value") or self._one_of(variable["valueFrom"]["secretKeyRef"])
            if value is not None:
                found[variable["name"]] = value
        return found

    def _all_of(self, source: Object) -> dict[str, str]:
        if "configMapRef" in source:
            return dict(self.of("ConfigMap")[source["configMapRef"]["name"]]["data"])
        secret = self.of("Secret").get(source["secretRef"]["name"], {"data": {}})
        return {key: decoded(value) for key, value in secret["data"].items()}

    def _one_of(self, reference: Object) -> str | None:
        secret = self.of("Secret").get(reference["name"])
        return decoded(secret["data"][reference["key"]]) if secret else None


def decoded(value: str) -> str:
    """A Secret's value in clear."""
    return base64.b64decode(value).decode()


def template(workload: Object) -> Object:
    """The template of the workload's pods."""
    spec = workload["spec"]
    return dict(spec["jobTemplate"]["spec"]["template"] if workload["kind"] == "CronJob" else spec["template"])


def pod(workload: Object) -> Object:
    return dict(template(workload)["spec"])


def containers(workload: Object) -> list[Object]:
    """The workload's containers in order, init containers last."""
    spec = pod(workload)
    return [*spec["containers"], *spec.get("initContainers", [])]


def secret_names(value: Any) -> Iterator[str]:
    """The names of the Secrets that something refers to, anywhere below ``value``."""
    if isinstance(value, dict):
        for key, below in value.items():
            if key in ("secretName", "secretKeyRef", "secretRef"):
                yield below if isinstance(below, str) else below["name"]
            yield from secret_names(below)
    elif isinstance(value, list):
        for below in value:
            yield from secret_names(below)
