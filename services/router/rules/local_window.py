"""The sliding window log in this process's memory: the exact count that remains when Redis is lost."""

from __future__ import annotations

from collections import OrderedDict

from services.router.rules.local_reservations import LocalReservations


class LocalWindow:
    """A sliding window log per key. Times are seconds of one monotonic clock, given by the caller.

    At most ``max_keys`` keys are remembered; beyond, those admitted longest ago are forgotten. However many of them a
    key has, each call costs about the same.
    """

    def __init__(self, seconds: float, max_keys: int) -> None:
        self._seconds = seconds
        self._max_keys = max_keys
        # Ordered: the front of a plain dict that loses its first keys takes ever longer to find.
        self._held: OrderedDict[str, LocalReservations] = OrderedDict()  # in the order of their last admission

    def __len__(self) -> int:
        return len(self._held)

    def holds(self, key: str, token: str, now: float) -> bool:
        """Whether ``token`` has a reservation in the window of ``key``."""
        held = self._held.get(key)
        return held is not None and held.holds(token, self._begin(now))

    def left(self, key: str, amount: int, now: float) -> int:
        """How many of ``amount`` are free."""
        held = self._held.get(key)
        return max(amount - (held.since(self._begin(now)) if held else 0), 0)

    def wait(self, key: str, cost: int, amount: int, now: float) -> float:
        """Seconds until ``cost`` of ``amount`` are free; 0.0 if they are now."""
        held = self._held.get(key)
        if held is None:
            return 0.0 if cost <= amount else self._seconds
        begin = self._begin(now)
        count = held.since(begin)
        surplus = count + cost - amount
        if surplus <= 0:
            return 0.0
        if surplus > count:
            return self._seconds
        return max(held.time(surplus - 1, begin) + self._seconds - now, 0.001)

    def note(self, key: str, token: str, _cost: int, now: float) -> None:
        """Reserves, whether or not there is room."""
        begin = now - self._seconds
        held = self._held.get(key)
        if held is None:
            held = self._held[key] = LocalReservations()
        else:
            self._held.move_to_end(key)
            held.forget_before(begin)
        held.take(token, now)
        self._forget(begin)

    def give_back(self, key: str, token: str, _cost: int, noted_at: float) -> None:
        """Frees what ``token`` reserved at ``noted_at`` if it is still held."""
        held = self._held.get(key)
        if held is not None:
            held.give_back(token, noted_at)
            if not held:
                del self._held[key]

    def _begin(self, now: float) -> float:
        """The window's: a reservation that is exactly a window old still counts, so that any window is exact."""
        return now - self._seconds

    def _forget(self, begin: float) -> None:
        """Drops from the front what left the window before it begins: each admission is dropped once."""
        while self._held:
            key = next(iter(self._held))
            if self._held[key].last >= begin and len(self._held) <= self._max_keys:
                return
            del self._held[key]
