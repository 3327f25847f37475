"""Writes trees of :mod:`helm_tree` as YAML of a Helm template."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import yaml
from helm_tree import Block, Either, Insert, Raw, When

#: Braces that are meant for whoever reads the object, not for Helm.
_BRACES = re.compile(r"\{\{|\}\}")


def written(value: Any) -> str:
    """The value, a mapping, as lines."""
    return "".join(f"{line}\n" for line in _lines(value, 0))


def _lines(value: Any, indent: int) -> Iterator[str]:
    entries = value.items() if isinstance(value, dict) else ((None, item) for item in value)
    for condition, same in itertools.groupby(entries, _condition):
        lines = (line for key, item in same for line in _entry(key, item, indent))
        yield from _conditional(condition, lines, indent) if condition else lines


def _condition(entry: tuple[str | None, Any]) -> str:
    """Under which the entry is there; empty: always."""
    return entry[1].condition if isinstance(entry[1], When) else ""


def _conditional(condition: str, lines: Iterable[str], indent: int) -> Iterator[str]:
    """Lines that are there only where the condition holds."""
    yield f"{' ' * indent}{{{{- if {condition} }}}}"
    yield from lines
    yield f"{' ' * indent}{{{{- end }}}}"


def _entry(key: str | None, item: Any, indent: int) -> Iterator[str]:
    pad = " " * indent
    item = item.value if isinstance(item, When) else item
    if isinstance(item, Insert):
        yield from (pad + line for line in item.text.replace("{indent}", str(indent)).splitlines())
    elif key is None:
        yield from _item(item, indent)
    elif _is_scalar(item):
        yield from _scalar(f"{pad}{_text(key)}:", item, indent + 2)
    else:
        yield f"{pad}{_text(key)}:"
        yield from _below(item, indent + 2)


def _item(item: Any, indent: int) -> Iterator[str]:
    """An item of a list. Its first line begins with the dash, which a condition's line could not."""
    pad = " " * indent
    if _is_scalar(item):
        yield from _scalar(f"{pad}-", item, indent + 2)
        return
    first, *others = _below(item, indent + 2)
    if first.lstrip().startswith("{{-"):
        raise ValueError(f"an item of a list begins with a condition: {first.strip()}")
    yield f"{pad}- {first.lstrip()}"
    yield from others


def _below(item: Any, indent: int) -> Iterator[str]:
    if isinstance(item, Block):
        yield f"{' ' * indent}{{{{- toYaml .Values.{item.value} | nindent {indent} }}}}"
    else:
        yield from _lines(item, indent)


def _is_scalar(item: Any) -> bool:
    return not isinstance(item, (dict, list, Block)) or item in ({}, [])


def _scalar(head: str, item: Any, indent: int) -> Iterator[str]:
    if isinstance(item, str) and "\n" in item and not item[0].isspace():
        keep = {0: "-", 1: ""}.get(len(item) - len(item.rstrip("\n")), "+")
        yield f"{head} |{keep}"
        yield from (" " * indent + _escaped(line) if line else "" for line in item.splitlines())
    else:
        yield f"{head} {_text(item)}"


def _text(item: Any) -> str:
    """A scalar in one line."""
    if isinstance(item, Raw):
        return item.text
    if isinstance(item, Either):
        return f"{{{{ if {item.condition} }}}}{_text(item.then)}{{{{ else }}}}{_text(item.otherwise)}{{{{ end }}}}"
    if isinstance(item, str) and "\n" in item:
        return _escaped(json.dumps(item))
    return _escaped(yaml.safe_dump(item, width=10**6, allow_unicode=True).removesuffix("...\n").strip())


def _escaped(text: str) -> str:
    return _BRACES.sub(lambda found: f'{{{{ "{found[0]}" }}}}', text)
