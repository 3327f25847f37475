"""values.schema.json: a value that nobody knows, or of another kind, is refused by its name."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from typing import Any

from helm_chart_files import nested
from helm_values_table import every
from pydantic import SecretStr
from settings_doc import ROLES

from services.delivery.providers import registry
from shared.config import PREFIX, Settings

#: Settings of a role that no cluster has.
_ELSEWHERE = ("`pulse up`",)


def schema() -> str:
    """The text of the file."""
    known: dict[str, Any] = {value.name: value.schema for value in every()}
    known["settings"] = _texts(_settings(provider=False))
    known["providers.settings"] = _texts(_settings(provider=True))
    for value in every():
        if value.says:
            known[value.name] = {"description": value.says, **known[value.name]}
    tree = _closed(nested({name: _Leaf(each) for name, each in known.items()}))
    # Helm puts this in where the chart is a part of another.
    tree["properties"]["global"] = {"type": "object"}
    head = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Values of Pulse"}
    return json.dumps(head | tree, indent=2, ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class _Leaf:
    """A value's schema, which is not to be taken for values below a name."""

    schema: dict[str, Any]


def _closed(tree: Any) -> dict[str, Any]:
    """Mappings take the names that are in them and no other."""
    if isinstance(tree, _Leaf):
        return tree.schema
    properties = {name: _closed(value) for name, value in tree.items()}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _texts(names: list[str]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": {name: {"type": "string"} for name in names}}


def _settings(*, provider: bool) -> list[str]:
    """Names of settings that are no secret: those of providers, or all others."""
    fields = registry.settings_of_all().model_fields.keys() - Settings.model_fields.keys()
    of_providers = {name.upper() for name in fields}
    names: set[str] = set()
    for title, (module, name) in ROLES.items():
        if title not in _ELSEWHERE:
            settings: type[Settings] = getattr(importlib.import_module(module), name)
            names |= {key.upper() for key, field in settings.model_fields.items() if field.annotation is not SecretStr}
    return sorted(PREFIX + name for name in names if (name in of_providers) is provider)
