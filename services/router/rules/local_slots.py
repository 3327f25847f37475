"""Counts by slots of time in this process's memory: what remains of the large limits when Redis is lost.

A slot is a 60th of the window and counts for as long as any moment of it may lie in the window: what was admitted
counts for a window and up to one slot more, so that no window ever holds more than the limit.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from dataclasses import dataclass

SLOTS = 60


@dataclass(slots=True)
class _Counts:
    """What was counted under one key: [slot, count], oldest first; and all of it together."""

    slots: deque[list[int]]
    total: int


class LocalSlots:
    """Counts per key. Times are seconds of one monotonic clock, given by the caller.

    At most ``max_keys`` keys are remembered; beyond, those counted in longest ago are forgotten.
    """

    def __init__(self, seconds: float, max_keys: int) -> None:
        self._seconds = seconds
        self._width = seconds / SLOTS
        self._max_keys = max_keys
        self._held: OrderedDict[str, _Counts] = OrderedDict()  # in the order of their last admission

    def __len__(self) -> int:
        return len(self._held)

    def left(self, key: str, amount: int, now: float) -> int:
        """How much of ``amount`` is free."""
        return max(amount - self._counted(key, now), 0)

    def wait(self, key: str, cost: int, amount: int, now: float) -> float:
        """Seconds until ``cost`` of ``amount`` is free; 0.0 if it is now."""
        surplus = self._counted(key, now) + cost - amount
        if surplus <= 0:
            return 0.0
        first = self._slot(now - self._seconds)
        for slot, count in self._held[key].slots if key in self._held else ():
            surplus -= count if slot >= first else 0
            if surplus <= 0:
                return max((slot + 1) * self._width + self._seconds - now, 0.001)
        return self._seconds

    def note(self, key: str, _token: str, cost: int, now: float) -> None:
        """Counts ``cost``, whether or not there is room."""
        slot, first = self._slot(now), self._slot(now - self._seconds)
        held = self._held.get(key)
        if held is None:
            self._held[key] = _Counts(deque([[slot, cost]]), cost)
        else:
            self._held.move_to_end(key)
            held.total += cost
            if held.slots[-1][0] == slot:
                held.slots[-1][1] += cost
            else:
                held.slots.append([slot, cost])
            while held.slots[0][0] < first:
                held.total -= held.slots.popleft()[1]
        self._forget(first)

    def give_back(self, key: str, _token: str, cost: int, noted_at: float) -> None:
        """Takes back what was counted at ``noted_at`` if it still counts."""
        held = self._held.get(key)
        if held is None:
            return
        for counted in held.slots:
            if counted[0] == self._slot(noted_at):
                back = min(cost, counted[1])
                counted[1] -= back
                held.total -= back

    def _slot(self, moment: float) -> int:
        return math.floor(moment / self._width)

    def _counted(self, key: str, now: float) -> int:
        """All in the slots that still count. Only the first few may not: nothing else is walked through."""
        held = self._held.get(key)
        if held is None:
            return 0
        total, first = held.total, self._slot(now - self._seconds)
        for slot, count in held.slots:
            if slot >= first:
                break
            total -= count
        return total

    def _forget(self, first: int) -> None:
        """Drops from the front what left the window, of which ``first`` is the first slot, and what is too much."""
        while self._held:
            key = next(iter(self._held))
            if self._held[key].slots[-1][0] >= first and len(self._held) <= self._max_keys:
                return
            del self._held[key]
