"""The sliding window in this process's memory: the count that remains when Redis is lost.

While Redis is there, what it admitted is noted here too. So a limit also holds across the moment in which
Redis goes, and across the moment in which it comes back empty.
"""

from __future__ import annotations

from collections import OrderedDict

from services.router.quota import Limit

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

    def wait(self, key: str, count: int, now: float) -> float:
        """Seconds until ``key`` has fewer than ``count`` places taken; 0.0 if it has now."""
        held = self._live(key, now)
        if len(held) < count:
            return 0.0
        _, taken_at = held[len(held) - count]
        return max(taken_at + self._seconds - now, 0.001)

    def note(self, key: str, token: str, now: float) -> None:
        """Takes a place, whether or not there is one."""
        held = self._live(key, now)
        self._held.pop(key, None)
        self._held[key] = (*held, (token, now))
        self._forget(now)

    def give_back(self, key: str, token: str) -> None:
        """Frees the place of ``token`` if it has one."""
        rest = tuple(place for place in self._held.get(key, ()) if place[0] != token)
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


def share(limit: Limit, replicas: int) -> int:
    """What one of ``replicas`` routers may admit by itself so that together they keep the limit."""
    return limit.count // replicas
