"""Envoy's script as one file: the parts in ``deploy/envoy``, and the contract that they hold requests to."""

from __future__ import annotations

from pathlib import Path

from services.local import edge_contract

#: What ``require`` finds, in files of these names; ``methods`` is made from the descriptor.
PARTS = ("json", "contract", "errors")
#: What Envoy calls.
MAIN = "edge"


def text(folder: Path, descriptor: Path) -> str:
    """Lua source that needs no other file; raises OSError if one is missing."""
    parts = {"methods": edge_contract.lua(descriptor.read_bytes())}
    parts |= {name: (folder / f"{name}.lua").read_text() for name in PARTS}
    loaded = [f'package.preload["{name}"] = function()\n{source}end\n' for name, source in parts.items()]
    return "".join([*loaded, (folder / f"{MAIN}.lua").read_text()])
