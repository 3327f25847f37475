"""One tree out of several renderings of the same objects: what differs is there under a condition of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Raw:
    """A template expression in the place of a scalar."""

    text: str


@dataclass(frozen=True)
class Block:
    """A value of the chart, a list or a mapping, in the place of one."""

    value: str


@dataclass(frozen=True)
class Insert:
    """Template lines among the entries of a mapping or a list; ``{indent}`` stands for how far these are indented."""

    text: str


@dataclass(frozen=True)
class When:
    """An entry of a mapping or a list that is there only where the condition holds."""

    condition: str
    value: Any


@dataclass(frozen=True)
class Either:
    """A scalar that depends on a condition."""

    condition: str
    then: Any
    otherwise: Any


def any_of(*conditions: str) -> str:
    """Holds where one of these does."""
    return conditions[0] if len(conditions) == 1 else f"or {' '.join(_closed(each) for each in conditions)}"


def all_of(*conditions: str) -> str:
    """Holds where all of these do."""
    return conditions[0] if len(conditions) == 1 else f"and {' '.join(_closed(each) for each in conditions)}"


def none_of(*conditions: str) -> str:
    """Holds where none of these does."""
    return f"not {_closed(any_of(*conditions))}"


def _closed(condition: str) -> str:
    return f"({condition})" if " " in condition else condition


def merge(base: Any, variants: Mapping[str, Any]) -> Any:
    """``base``, and what each variant, by its condition, has otherwise.

    A variant is what ``base`` becomes by one condition alone. That two of them do not get in each other's way cannot be
    seen here: the test that renders them together sees it.
    """
    different = {condition: value for condition, value in variants.items() if value != base}
    if not different:
        return base
    for kind, merged in ((dict, _mappings), (list, _lists)):
        if all(isinstance(value, kind) for value in (base, *different.values())):
            return merged(base, different)
    if any(isinstance(value, (dict, list)) for value in (base, *different.values())):
        raise ValueError(f"neither a mapping nor a list everywhere: {base}, or {different}")
    for condition, value in different.items():
        base = Either(condition, value, base)
    return base


def _mappings(base: dict[str, Any], variants: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for key, value in base.items():
        lacking = [condition for condition, variant in variants.items() if key not in variant]
        merged[key] = merge(value, {c: variant[key] for c, variant in variants.items() if key in variant})
        if lacking:
            merged[key] = When(none_of(*lacking), merged[key])
    for key in dict.fromkeys(key for variant in variants.values() for key in variant if key not in base):
        having = {condition: variant[key] for condition, variant in variants.items() if key in variant}
        first, *others = having.values()
        if any(other != first for other in others):
            raise ValueError(f"{key}: {' and '.join(having)} say different things")
        merged[key] = When(any_of(*having), first)
    return merged


def _lists(base: list[Any], variants: Mapping[str, list[Any]]) -> list[Any]:
    """By place, as patches of lists put theirs at the end."""
    merged: list[Any] = []
    for place, item in enumerate(base):
        lacking = [condition for condition, variant in variants.items() if len(variant) <= place]
        found = merge(item, {c: variant[place] for c, variant in variants.items() if len(variant) > place})
        merged.append(When(none_of(*lacking), found) if lacking else found)
    for condition, variant in variants.items():
        merged += [When(condition, item) for item in variant[len(base) :]]
    return merged
