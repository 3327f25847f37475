"""TOML (v1.0.0): a document of plain values as text, and the line in which a key of a text stands."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_HEADER = re.compile(r"\s*\[\[?(?P<path>[^#]*?)\]?\]\s*(#.*)?")


def dumped(table: Mapping[str, Any]) -> str:
    """Texts, numbers, booleans, lists and tables, by name: those that are no tables first, then a section each."""
    return "\n".join(_section(table, ())) + "\n"


def _section(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    inner = {key: value for key, value in sorted(table.items()) if isinstance(value, Mapping)}
    own = {key: value for key, value in sorted(table.items()) if key not in inner}
    if path and (own or not inner):
        yield f"\n[{'.'.join(map(_key, path))}]"
    for key, value in own.items():
        yield f"{_key(key)} = {_value(value)}"
    for key, value in inner.items():
        yield from _section(value, (*path, key))


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _value(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {_value(one)}" for key, one in sorted(value.items())) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value)


def _text(text: str) -> str:
    """A basic string: JSON's escapes are TOML's, and DEL is one that JSON leaves as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def line_of(text: str, path: Sequence[str]) -> int:
    """The line where a key is set, or else what it stands in; 0: not found."""
    found = {placed: line for line, placed in reversed(list(_placed(text)))}
    for length in range(len(path), 0, -1):
        wanted = tuple(path[:length])
        lines = [line for placed, line in found.items() if placed[:length] == wanted]
        if lines:
            return min(lines)
    return 0


def _placed(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    above: tuple[str, ...] = ()
    for line, words in enumerate(text.split("\n"), 1):
        if header := _HEADER.fullmatch(words):
            above = _path(header["path"])
            yield line, above
        elif "=" in words:
            yield line, above + _path(words.partition("=")[0])


def _path(written: str) -> tuple[str, ...]:
    """The names in a dotted key; none for what is no key, as inside of a text of several lines."""
    try:
        table = tomllib.loads(f"{written} = 0")
    except tomllib.TOMLDecodeError:
        return ()
    names: list[str] = []
    while isinstance(table, dict):
        ((name, table),) = table.items()
        names.append(name)
    return tuple(names)
