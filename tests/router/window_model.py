"""What a sliding window log is: a model that looks through all of its places for every answer."""

from __future__ import annotations


class WindowModel:
    """As :class:`services.router.rules.local_window.LocalWindow`, in the words of its definition."""

    def __init__(self, seconds: float, max_keys: int) -> None:
        self._seconds = seconds
        self._max_keys = max_keys
        self._held: dict[str, tuple[tuple[str, float], ...]] = {}  # (token, taken at), the last admitted key last

    def __len__(self) -> int:
        return len(self._held)

    def holds(self, key: str, token: str, now: float) -> bool:
        return any(held == token for held, _ in self._live(key, now))

    def left(self, key: str, amount: int, now: float) -> int:
        return max(amount - len(self._live(key, now)), 0)

    def wait(self, key: str, cost: int, amount: int, now: float) -> float:
        held = self._live(key, now)
        surplus = len(held) + cost - amount
        if surplus <= 0:
            return 0.0
        if surplus > len(held):
            return self._seconds
        return max(held[surplus - 1][1] + self._seconds - now, 0.001)

    def note(self, key: str, token: str, _cost: int, now: float) -> None:
        held = self._live(key, now)
        self._held.pop(key, None)
        self._held[key] = (*held, (token, now))
        while self._held:
            first = next(iter(self._held))  # the one admitted longest ago
            if self._held[first][-1][1] >= now - self._seconds and len(self._held) <= self._max_keys:
                return
            del self._held[first]

    def give_back(self, key: str, token: str, _cost: int, noted_at: float) -> None:
        rest = tuple(place for place in self._held.get(key, ()) if place != (token, noted_at))
        if rest:
            self._held[key] = rest
        else:
            self._held.pop(key, None)

    def _live(self, key: str, now: float) -> tuple[tuple[str, float], ...]:
        return tuple(place for place in self._held.get(key, ()) if place[1] >= now - self._seconds)
