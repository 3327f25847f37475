"""Envoy's two scripts, each as one file: the parts in ``deploy/envoy``, and the contract that they hold requests to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from services.local.envoy import edge_contract

#: What ``require`` finds, in files of these names; ``methods`` is made from the descriptor.
PARTS = ("json", "contract", "errors")


def text(folder: Path, descriptor: Path) -> str:
    """Lua source of what Envoy calls with whole requests; needs no other file. Raises OSError if one is missing."""
    parts = {"methods": edge_contract.lua(descriptor.read_bytes())}
    parts |= {name: _part(folder, name) for name in PARTS}
    return _chunk(parts, _part(folder, "edge"))


def door(folder: Path) -> str:
    """As :func:`text`, of what Envoy calls with headers alone, before it takes in a body."""
    return _chunk({"errors": _part(folder, "errors")}, _part(folder, "door"))


def _part(folder: Path, name: str) -> str:
    return (folder / f"{name}.lua").read_text()


def _chunk(parts: Mapping[str, str], main: str) -> str:
    loaded = [f'package.preload["{name}"] = function()\n{source}end\n' for name, source in parts.items()]
    return "".join([*loaded, main])
