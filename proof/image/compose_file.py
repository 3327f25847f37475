"""compose.yaml as Compose reads it: anchors resolved, variables replaced."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from services.local.home import checkout

_VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+):-(?P<default>[^}]*)\}")


def load(variables: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The file with these variables, or without any; every variable has a default, or this raises ValueError."""
    return dict(_filled_in(yaml.safe_load((checkout() / "compose.yaml").read_text()), variables or {}))


def _filled_in(value: Any, variables: Mapping[str, str]) -> Any:
    """After parsing, as Compose does it, so that an empty variable is an empty string and not nothing."""
    if isinstance(value, dict):
        return {key: _filled_in(below, variables) for key, below in value.items()}
    if isinstance(value, list):
        return [_filled_in(below, variables) for below in value]
    if not isinstance(value, str):
        return value
    filled = _VARIABLE.sub(lambda found: variables.get(found["name"]) or found["default"], value)
    if "${" in filled:
        raise ValueError(f"a variable without a default: {value}")
    return filled


def environment(service: Mapping[str, Any]) -> dict[str, str]:
    """The service's variables: those of its files, then its own."""
    found: dict[str, str] = {}
    for file in service.get("env_file", []):
        lines = (checkout() / file).read_text().splitlines()
        found.update(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return {**found, **service.get("environment", {})}
