"""Batches: groups that came by separate calls, put together and taken apart again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TypeVar

One = TypeVar("One")
Outcome = TypeVar("Outcome")


def pack(groups: Iterable[Sequence[One]], most: int) -> Iterator[Sequence[One]]:
    """All members of all groups in order, in batches of at most ``most``."""
    members = chain.from_iterable(groups)
    while batch := list(islice(members, most)):
        yield batch


def deal(outcomes: Iterable[Outcome], groups: Iterable[Sequence[One]]) -> list[Sequence[Outcome]]:
    """The outcomes of all members in order, as one list for each group."""
    dealt = iter(outcomes)
    return [list(islice(dealt, len(group))) for group in groups]
