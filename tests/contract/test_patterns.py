"""Patterns match alike in every Python that Pulse runs on."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = [
    path
    for top in ("services", "shared", "clients/python/pulse_client")
    for path in sorted((ROOT / top).rglob("*.py"))
    if "\nimport re\n" in path.read_text()
]
#: Before Python 3.11.5 these match wrongly within a group, and took all HTML values for plain text.
POSSESSIVE = re.compile(r"(?<!\\)[*+?}]\+|\(\?>")
CHARACTERS = re.compile(r"\[(?:\\.|[^\]\\])*\]")


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_pattern_is_possessive(module: Path) -> None:
    tree = ast.parse(module.read_text())
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert [text for text in texts if text.isascii() and POSSESSIVE.search(CHARACTERS.sub("x", text))] == []
