"""The sliding window log in this process's memory: the exact count that remains when Redis is lost."""

from __future__ import annotations

from collections import OrderedDict

_Held = tuple[tuple[str, float], ...]  # (token, taken at), oldest first


class LocalWindow:
    """A sliding window log per key. Times are seconds of one monotonic clock, given by the caller.

    At most ``max_keys`` keys are remembered; beyond, those admitted longest ago are forgotten.
    """

    def __init__(self, seconds: float, max_keys: int) -> None:
        self._seconds = seconds
        self._max_keys = max_keys
        # Ordered: the front of a plain dict that loses its first keys takes ever longer to find.
        self._held: OrderedDict[str, _Held] = OrderedDict()  # in the order of their last admission

    def __len__(self) -> int:
        return len(self._held)

    def holds(self, key: str, token: str, now: float) -> bool:
        """Whether ``token`` has a place in the window of ``key``."""
        return any(held == token for held, _ in self._live(key, now))

    def left(self, key: str, amount: int, now: float) -> int:
        """How many of ``amount`` places are free."""
        return max(amount - len(self._live(key, now)), 0)

    def wait(self, key: str, cost: int, amount: int, now: float) -> float:
        """Seconds until ``cost`` of ``amount`` places are free; 0.0 if they are now."""
        held = self._live(key, now)
        surplus = len(held) + cost - amount
        if surplus <= 0:
            return 0.0
        if surplus > len(held):
            return self._seconds
        _, taken_at = held[surplus - 1]
        return max(taken_at + self._seconds - now, 0.001)

    def note(self, key: str, token: str, _cost: int, now: float) -> None:
        """Takes a place, whether or not there is one."""
        held = self._live(key, now)
        self._held.pop(key, None)
        self._held[key] = (*held, (token, now))
        self._forget(now)

    def give_back(self, key: str, token: str, _cost: int, noted_at: float) -> None:
        """Frees the place that ``token`` took at ``noted_at`` if it is still held."""
        rest = tuple(place for place in self._held.get(key, ()) if place != (token, noted_at))
        if rest:
            self._held[key] = rest
        else:
            self._held.pop(key, None)

    def _live(self, key: str, now: float) -> _Held:
        """The places that still count; one that is exactly a window old does, so that any window is exact."""
        held = self._held.get(key, ())
        if held and held[0][1] < now - self._seconds:
            return tuple(place for place in held if place[1] >= now - self._seconds)
        return held

    def _forget(self, now: float) -> None:
        """Drops from the front what has left the window: each admission is dropped once."""
        while self._held:
            key = next(iter(self._held))
            _, last = self._held[key][-1]
            if last >= now - self._seconds and len(self._held) <= self._max_keys:
                return
            del self._held[key]
