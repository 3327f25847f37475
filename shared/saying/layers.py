"""One layer of what is said laid over another: the upper one's fields win, in maps its entries. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any


def laid(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> Mapping[str, Any]:
    """``upper`` over ``lower``. A list takes the place of a list."""
    if not upper or not lower:
        return upper or lower
    both = {**lower, **upper}
    for name in lower.keys() & upper.keys():
        if isinstance(lower[name], Mapping) and isinstance(upper[name], Mapping):
            both[name] = laid(lower[name], upper[name])
    return both


def overridden(lower: Mapping[str, Any], upper: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """The paths of what ``upper`` says in place of ``lower``, "push.link" say."""
    for name in sorted(lower.keys() & upper.keys()):
        place = f"{path}{name}"
        if isinstance(lower[name], Mapping) and isinstance(upper[name], Mapping):
            yield from overridden(lower[name], upper[name], f"{place}.")
        elif lower[name] != upper[name]:
            yield place


def texts(said: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Each text of it with its path: "attachments[0].filename" say, or "push.data.order"."""
    for name, value in said.items():
        yield from _texts(value, f"{path}{name}")


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        yield from texts(value, f"{path}.")
    elif isinstance(value, list):
        for n, one in enumerate(value):
            yield from _texts(one, f"{path}[{n}]")


def with_texts(said: Mapping[str, Any], text: Callable[[str], str], path: str = "") -> dict[str, Any]:
    """The same with another text at each path, as ``text`` gives it."""
    return {name: _with_texts(value, text, f"{path}{name}") for name, value in said.items()}


def _with_texts(value: Any, text: Callable[[str], str], path: str) -> Any:
    if isinstance(value, str):
        return text(path)
    if isinstance(value, Mapping):
        return with_texts(value, text, f"{path}.")
    if isinstance(value, list):
        return [_with_texts(one, text, f"{path}[{n}]") for n, one in enumerate(value)]
    return value
