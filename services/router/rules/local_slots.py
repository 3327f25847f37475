"""Counts by slots of time in this process's memory: what remains of the large limits when Redis is lost.

A slot is a 60th of the window and counts for as long as any moment of it may lie in the window: what was admitted
counts for a window and up to one slot more, so that no window ever holds more than the limit.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque

SLOTS = 60

_Counts = deque[list[int]]  # [slot, count], oldest first


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
        return max(amount - sum(count for _, count in self._live(key, now)), 0)

    def wait(self, key: str, cost: int, amount: int, now: float) -> float:
        """Seconds until ``cost`` of ``amount`` is free; 0.0 if it is now."""
        held = self._live(key, now)
        surplus = sum(count for _, count in held) + cost - amount
        if surplus <= 0:
            return 0.0
        for slot, count in held:
            surplus -= count
            if surplus <= 0:
                return max((slot + 1) * self._width + self._seconds - now, 0.001)
        return self._seconds

    def note(self, key: str, _token: str, cost: int, now: float) -> None:
        """Counts ``cost``, whether or not there is room."""
        held, slot = self._held.setdefault(key, deque()), self._slot(now)
        self._held.move_to_end(key)
        if held and held[-1][0] == slot:
            held[-1][1] += cost
        else:
            held.append([slot, cost])
        while held[0][0] < self._slot(now - self._seconds):
            held.popleft()
        self._forget(now)

    def give_back(self, key: str, _token: str, cost: int, noted_at: float) -> None:
        """Takes back what was counted at ``noted_at`` if it still counts."""
        slot = self._slot(noted_at)
        for held in self._held.get(key, ()):
            if held[0] == slot:
                held[1] = max(held[1] - cost, 0)

    def _slot(self, moment: float) -> int:
        return math.floor(moment / self._width)

    def _live(self, key: str, now: float) -> list[list[int]]:
        """The slots that still count."""
        first = self._slot(now - self._seconds)
        return [counted for counted in self._held.get(key, ()) if counted[0] >= first]

    def _forget(self, now: float) -> None:
        """Drops from the front what has left the window, and what is too much."""
        first = self._slot(now - self._seconds)
        while self._held:
            key, held = next(iter(self._held.items()))
            if held[-1][0] >= first and len(self._held) <= self._max_keys:
                return
            del self._held[key]
