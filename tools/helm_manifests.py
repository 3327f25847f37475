"""The objects of deploy/k8s as kustomize renders them, with any set of its components: what the chart is made from."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
#: The hash that kustomize puts behind the name of a ConfigMap or a Secret that it makes.
_SUFFIX = re.compile(r"-[bcdfghkmt2456789]{10}$")

Object = dict[str, Any]
#: By kind and name.
Objects = dict[str, Object]


def key(found: Object) -> str:
    """Kind and name."""
    return f"{found['kind']}/{found['metadata']['name']}"


@functools.cache
def objects(folder: str, components: tuple[str, ...] | None = None) -> Objects:
    """The objects of a folder of deploy/k8s with these components in place of its own.

    ``None`` leaves it its own. The names are those in the files, without kustomize's suffixes. Rendered once: not to be
    changed.
    """
    with tempfile.TemporaryDirectory() as copy:
        tree = Path(shutil.copytree(ROOT / "deploy", Path(copy) / "deploy", ignore=shutil.ignore_patterns("helm")))
        where = tree / "k8s" / folder
        if components is not None:
            file = where / "kustomization.yaml"
            content = yaml.safe_load(file.read_text())
            content["components"] = [f"../../components/{name}" for name in components]
            file.write_text(yaml.safe_dump(content))
        return {key(found): found for found in plain(_kustomize(where))}


def _kustomize(folder: Path) -> list[Object]:
    found = shutil.which("kustomize")
    command = [found, "build"] if found else ["kubectl", "kustomize"]
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=False)  # noqa: S603 -- ours
    if done.returncode:
        raise SystemExit(done.stderr)
    return list(yaml.safe_load_all(done.stdout))


def plain(found: Iterable[Object]) -> list[Object]:
    """The objects without kustomize's suffixes, in their names and wherever these are referred to."""
    listed = list(found)
    made = [each["metadata"]["name"] for each in listed if each["kind"] in ("ConfigMap", "Secret")]
    names = {name: _SUFFIX.sub("", name) for name in made}
    return [_renamed(each, names) for each in listed]


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _renamed(below, names) for name, below in value.items()}
    if isinstance(value, list):
        return [_renamed(below, names) for below in value]
    return names.get(value, value) if isinstance(value, str) else value
