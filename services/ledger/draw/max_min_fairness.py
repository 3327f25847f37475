"""Water-filling: shares a whole number of places so that whoever has least for its weight comes first.

That is weighted max-min fairness (Bertsekas, Gallager: Data Networks, 6.5.2), in whole places: the outcome is that of
giving one place after the other, each to the vessel whose level would then be lowest.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from typing import NamedTuple

#: Levels are sums of fractions: a place must not be lost to the last bit.
_EPSILON = 1e-9


class Vessel(NamedTuple):
    """Who is to get places: how wide it is, what it has already, and how much more it may get."""

    weight: int
    held: int
    room: int


def pour(places: int, vessels: Sequence[Vessel]) -> list[int]:
    """How many more places each gets; of those that are equally low the first comes first."""
    places = min(places, sum(vessel.room for vessel in vessels))
    if len(vessels) == 1:
        return [places]
    level = _level(places, vessels)
    given = [_below(level, vessel) for vessel in vessels]
    line = [
        (_height(vessel, got + 1), index)
        for index, (vessel, got) in enumerate(zip(vessels, given, strict=True))
        if got < vessel.room
    ]
    heapq.heapify(line)
    # Whole places below the level are given; what is left of each vessel's width makes fewer than there are vessels.
    for _ in range(places - sum(given)):
        index = line[0][1]
        given[index] += 1
        if given[index] < vessels[index].room:
            heapq.heapreplace(line, (_height(vessels[index], given[index] + 1), index))
        else:
            heapq.heappop(line)
    return given


def _level(places: int, vessels: Sequence[Vessel]) -> float:
    """Up to where vessels that stand on one ground are filled by so many places, as if they were water."""
    turns = [(_height(vessel, 0), vessel.weight) for vessel in vessels]
    turns += [(_height(vessel, vessel.room), -vessel.weight) for vessel in vessels]
    level, width, left = 0.0, 0, float(places)
    for height, widens in sorted(turns):
        if (height - level) * width >= left:
            break
        left -= (height - level) * width
        level = height
        width += widens
    return level + left / width if width else level


def _height(vessel: Vessel, got: int) -> float:
    """Where its level stands with so many more places."""
    return (vessel.held + got) / vessel.weight


def _below(level: float, vessel: Vessel) -> int:
    return max(min(math.floor(level * vessel.weight + _EPSILON) - vessel.held, vessel.room), 0)
