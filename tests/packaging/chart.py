"""The Helm chart as it would be installed, and its objects without what is Helm's own."""

from __future__ import annotations

import copy
import re
import subprocess

import yaml

from tests.packaging.manifests import Manifests, Object, template
from tests.packaging.tools import ROOT, RUN_S, program, run
from tools.helm_manifests import Objects, key, plain

CHART = ROOT / "deploy" / "helm" / "pulse"

#: The oldest Kubernetes that is meant; asked, a helm that is built from source says an older one.
OLDEST = ("--kube-version", "1.30")
#: Labels that each object has of Helm, and that the manifests do not have.
LABELS = {"app.kubernetes.io/instance", "app.kubernetes.io/managed-by", "helm.sh/chart"}
#: An annotation of pods of Helm's, by which they are replaced when their settings change; kustomize does it by the
#: hash in the name of the ConfigMap.
CHECKSUM = "checksum/"
#: A Job cannot be changed, so the chart's has a hash in its name; under kustomize the old one is deleted by hand.
_JOB = re.compile(r"-[0-9a-f]{10}$")
#: The namespace is there before the release that is stored in it.
BEFORE = "Namespace/pulse"


def command(*arguments: str) -> list[str]:
    """``helm template`` of the chart with these further arguments; a file of values is one of its ``ci``."""
    told = [str(CHART / "ci" / each) if each.endswith(".yaml") else each for each in arguments]
    return [program("helm"), "template", "pulse", str(CHART), "--namespace", "pulse", *OLDEST, *told]


def chart(*arguments: str) -> Manifests:
    """The objects of the chart."""
    return Manifests(tuple(each for each in yaml.safe_load_all(run(*command(*arguments))) if each))


def refusal(*arguments: str) -> str:
    """What Helm says when it does not take the values."""
    done = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=RUN_S)
    assert done.returncode != 0, f"taken: {arguments}"
    return done.stderr


def of_helm(manifests: Manifests) -> Objects:
    """The chart's objects without what is Helm's own."""
    found = [_without(copy.deepcopy(each)) for each in manifests.objects]
    return {key(each): each for each in found}


def of_kustomize(manifests: Manifests) -> Objects:
    """An overlay's objects, but for what is not a release's to make."""
    found = {key(each): each for each in plain(manifests.objects)}
    del found[BEFORE]
    return found


def _without(found: Object) -> Object:
    labels = found["metadata"]["labels"]
    for label in LABELS:
        del labels[label]
    if found["kind"] == "Job":
        found["metadata"]["name"] = _JOB.sub("", found["metadata"]["name"])
    if found["kind"] in ("Deployment", "StatefulSet", "Job", "CronJob"):
        metadata = template(found)["metadata"]
        annotations = metadata.pop("annotations", {})
        if kept := {name: text for name, text in annotations.items() if not name.startswith(CHECKSUM)}:
            metadata["annotations"] = kept
    return found
