"""The files of the chart that are not templates: what it is, and its values."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import yaml
from helm_manifests import Objects
from helm_values import Value
from helm_values_table import GROUPS, every

_HEAD = "# Made by tools/helm_chart.py, defaults out of deploy/k8s; change them there.\n"
#: What a throw-away cluster has beside other numbers, images and settings.
_KIND = {
    "ingress.enabled": False,
    "mutualTLS.enabled": False,
    "postgresql.bundled": True,
    "valkey.bundled": True,
    "sandbox.enabled": True,
    "migrateAtOnce": True,
    "tracing.enabled": True,
    "flower.enabled": True,
}
#: Values of what is outside a throw-away cluster.
_OUTSIDE = (".network", ".port", ".ports")

#: A value with the part of its name that is still to be nested, and its default.
_Row = tuple[list[str], Value, Any]


def about(version: str) -> str:
    """Chart.yaml: chart and suite have one version."""
    fields = {
        "apiVersion": "v2",
        "name": "pulse",
        "description": "A notification suite: email, SMS and push, accepted durably and delivered once.",
        "type": "application",
        "version": version,
        "appVersion": version,
        "kubeVersion": ">=1.30.0-0",
    }
    return _HEAD + yaml.safe_dump(fields, sort_keys=False, width=10**6)


def defaults(objects: Objects) -> dict[str, Any]:
    """Each value's default by its name."""
    found = {value.name: value.found(objects) if value.places else value.default for value in every()}
    return found | {"image.repository": _image(objects)[0]}


def _image(objects: Objects) -> tuple[str, str]:
    """Repository and tag of Pulse's image."""
    image = objects["Deployment/gateway"]["spec"]["template"]["spec"]["containers"][0]["image"]
    repository, _, tag = image.rpartition(":")
    return repository, tag


def values(objects: Objects) -> str:
    """values.yaml."""
    known = defaults(objects)
    rows: list[_Row] = [(value.name.split("."), value, known[value.name]) for value in every()]
    return _HEAD + "".join(_commented(rows, 0))


def _commented(rows: list[_Row], depth: int) -> Iterator[str]:
    """Nested mappings, each value below what it is."""
    pad, gap = "  " * depth, "" if depth else "\n"
    for name in dict.fromkeys(steps[0] for steps, _, _ in rows):
        below = [(steps[1:], value, default) for steps, value, default in rows if steps[0] == name]
        _, value, default = below[0]
        nested = below[0][0] != []
        says = (GROUPS.get(name, "") if depth == 0 else "") if nested else value.says
        yield f"{gap}{pad}# {says}\n" if says else gap
        if nested:
            yield f"{pad}{name}:\n"
            yield from _commented(below, depth + 1)
        else:
            yield "".join(f"{pad}{line}\n" for line in _dumped({name: default}).splitlines())


def _dumped(tree: dict[str, Any]) -> str:
    (value,) = tree.values()
    flow = None if isinstance(value, (dict, list)) else False
    return yaml.safe_dump(tree, default_flow_style=flow, width=10**6, sort_keys=False)


def nested(flat: dict[str, Any]) -> dict[str, Any]:
    """Names with dots as mappings in mappings."""
    tree: dict[str, Any] = {}
    for name, value in flat.items():
        *before, last = name.split(".")
        where = tree
        for step in before:
            where = where.setdefault(step, {})
        where[last] = value
    return tree


def of_kind(kind: Objects, objects: Objects, made: dict[str, str]) -> str:
    """Values by which the chart is the overlay `kind`: what its manifests say otherwise than the defaults.

    ``made`` is what the chart's own settings can be.
    """
    repository, tag = _image(kind)
    flat: dict[str, Any] = {"image.repository": repository, "image.tag": tag, **_KIND}
    command = kind["Deployment/envoy"]["spec"]["template"]["spec"]["initContainers"][0]["command"]
    flat["edge.traceRatio"] = next(word.partition("=")[2] for word in command if word.startswith("TRACE_RATIO="))
    settings = kind["ConfigMap/settings"]["data"]
    flat["settings"] = {name: text for name, text in settings.items() if made.get(name) != text}
    known = defaults(objects)
    for value in every():
        here = any(name in kind for name, _ in value.places) and not value.name.endswith(_OUTSIDE)
        if here and (found := value.found(kind)) != known[value.name]:
            flat[value.name] = found
    flat["developmentSecrets"] = {
        found["metadata"]["name"]: {name: b64decode(text).decode() for name, text in found["data"].items()}
        for found in kind.values()
        if found["kind"] == "Secret"
    }
    return _HEAD + "".join(_dumped({name: value}) for name, value in nested(flat).items())
