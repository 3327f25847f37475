"""What a value of the chart is, and where it stands in the manifests, which is where its default comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from helm_manifests import Objects
from helm_tree import Block, Raw

#: Of an object: its kind and name, and a path in it such as ``spec/ports/0``.
Place = tuple[str, str]

TEXT: dict[str, Any] = {"type": "string"}
NAME: dict[str, Any] = {"type": "string", "minLength": 1}
FLAG: dict[str, Any] = {"type": "boolean"}
COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
SOME: dict[str, Any] = {"type": "integer", "minimum": 1}
PORT: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": 65535}
LEVEL: dict[str, Any] = {"enum": ["DEBUG", "INFO", "WARNING", "ERROR"]}
MAPPING: dict[str, Any] = {"type": "object"}
TEXTS: dict[str, Any] = {"type": "object", "additionalProperties": TEXT}
LIST: dict[str, Any] = {"type": "array", "items": MAPPING}
RESOURCES: dict[str, Any] = {
    "type": "object",
    "properties": {"requests": MAPPING, "limits": MAPPING, "claims": LIST},
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Value:
    """One value of the chart."""

    name: str  #: with dots between its parts
    says: str  #: what it is, for values.yaml and the schema
    schema: dict[str, Any]  #: JSON Schema
    default: Any = None  #: of one that stands nowhere in the manifests
    places: tuple[Place, ...] = ()

    @property
    def written(self) -> Raw | Block:
        """What takes its place in a template."""
        kind = self.schema.get("type", "string")
        if kind in ("object", "array"):
            return Block(self.name)
        return Raw(f"{{{{ .Values.{self.name}{' | quote' if kind == 'string' else ''} }}}}")

    def found(self, objects: Objects) -> Any:
        """What the objects have in the first of its places; ``KeyError`` if they have none of them."""
        for name, path in self.places:
            if name in objects:
                return at(objects[name], path)
        raise KeyError(self.name)


def at(tree: Any, path: str) -> Any:
    """What stands in the tree at the path."""
    for step in path.split("/"):
        tree = tree[int(step)] if isinstance(tree, list) else tree[step]
    return tree


def pod(workload: str) -> str:
    """The path of the pod in an object of this kind."""
    template = "spec/template/spec"
    return f"spec/jobTemplate/{template}" if workload.startswith("CronJob") else template


def camel(name: str) -> str:
    """A workload's name as a value is called: worker-high is workerHigh."""
    first, *others = name.split("-")
    return first + "".join(each.capitalize() for each in others)
