"""Packing: many things in batches that are bounded by number and by weight; and groups put together and taken apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TypeVar

One = TypeVar("One")
Result = TypeVar("Result")


def weightless(_one: object) -> int:
    """Only the number counts."""
    return 0


def pack(
    groups: Iterable[Sequence[One]], most: int, *, weigh: Callable[[One], int] = weightless, heaviest: int = 0
) -> Iterator[Sequence[One]]:
    """All members of all groups in order, in batches of at most ``most`` that weigh at most ``heaviest``.

    A member that is too heavy by itself makes a batch of its own.
    """
    batch: list[One] = []
    weight = 0
    for one in chain.from_iterable(groups):
        added = weigh(one)
        if batch and (len(batch) == most or weight + added > heaviest):
            yield batch
            batch, weight = [], 0
        batch.append(one)
        weight += added
    if batch:
        yield batch


def deal(outcomes: Iterable[Result], groups: Iterable[Sequence[One]]) -> list[Sequence[Result]]:
    """The outcomes of all members in order, as one list for each group."""
    dealt = iter(outcomes)
    return [list(islice(dealt, len(group))) for group in groups]
