"""What this process admitted itself, in all limits: the count that remains when Redis is lost.

While Redis is there, what it admitted is noted here too. So limits also hold across the moment in which Redis
goes, and across the moment in which it comes back empty.
"""

from __future__ import annotations

from collections import OrderedDict

from services.router.rules.local_slots import LocalSlots
from services.router.rules.local_window import LocalWindow
from services.router.rules.quota import (
    LOGGED,
    ApplicableLimits,
    Bound,
    LimitReached,
    LimitState,
    QuotaRequest,
    Reservation,
    nearest,
)

#: Lengths of windows that are counted; beyond, the one that no limit has had for longest is forgotten.
_MOST_LENGTHS = 100
#: Sets of limits whose windows are remembered.
_MOST_REMEMBERED = 10_000

_Window = LocalWindow | LocalSlots


class LocalLimits:
    """Counts per limit and key. Times are seconds of one monotonic clock, given by the caller.

    At most ``max_keys`` users, addresses and tenants are remembered for each length of window.
    """

    def __init__(self, max_keys: int) -> None:
        self._max_keys = max_keys
        self._windows: OrderedDict[tuple[bool, float], _Window] = OrderedDict()
        self._windows_of: dict[ApplicableLimits, tuple[tuple[Bound, _Window], ...]] = {}

    def holds(self, request: QuotaRequest, now: float) -> bool:
        """Whether the request's token has its reservations."""
        _, window = self._of(request.applicable)[0]
        return isinstance(window, LocalWindow) and window.holds(request.keys[0], request.token, now)

    def refusal(self, request: QuotaRequest, now: float, replicas: int = 1) -> LimitReached | None:
        """Which of the limits, divided among ``replicas``, has no room, if any; of several the last to have it."""
        waiting: list[LimitState] = []
        for (bound, window), key in zip(self._of(request.applicable), request.keys, strict=True):
            amount = share(bound, replicas)
            wait = window.wait(key, bound.cost, amount, now)
            if wait:
                waiting.append(LimitState(bound, window.left(key, amount, now), wait))
        return LimitReached(max(waiting, key=lambda one: one.reset)) if waiting else None

    def state(self, request: QuotaRequest, now: float, replicas: int = 1) -> LimitState:
        """How much is left of the limit, divided among ``replicas``, that is nearest to its end."""
        states: list[LimitState] = []
        for (bound, window), key in zip(self._of(request.applicable), request.keys, strict=True):
            amount = share(bound, replicas)
            left = window.left(key, amount, now)
            states.append(LimitState(bound, left, window.wait(key, left + 1, amount, now)))
        return nearest(states)

    def note(self, request: QuotaRequest, now: float) -> None:
        """Reserves, whether or not there is room."""
        for (bound, window), key in zip(self._of(request.applicable), request.keys, strict=True):
            window.note(key, request.token, bound.cost, now)

    def give_back(self, reservation: Reservation) -> None:
        """Frees what is still reserved."""
        request = reservation.request
        if self.holds(request, reservation.noted_at):
            for (bound, window), key in zip(self._of(request.applicable), request.keys, strict=True):
                window.give_back(key, request.token, bound.cost, reservation.noted_at)

    def _of(self, applicable: ApplicableLimits) -> tuple[tuple[Bound, _Window], ...]:
        """The limits that apply, each with the window that counts it."""
        found = self._windows_of.get(applicable)
        if found is None:
            if len(self._windows_of) >= _MOST_REMEMBERED:
                self._windows_of.clear()
            found = self._windows_of[applicable] = tuple([(bound, self._window(bound)) for bound in applicable.bounds])
        return found

    def _window(self, bound: Bound) -> _Window:
        logged, seconds = bound.kind in LOGGED, bound.limit.seconds
        window = self._windows.get((logged, seconds))
        if window is None:
            window = LocalWindow(seconds, self._max_keys) if logged else LocalSlots(seconds, self._max_keys)
            self._windows[logged, seconds] = window
            if len(self._windows) > _MOST_LENGTHS:
                self._windows.popitem(last=False)
        self._windows.move_to_end((logged, seconds))
        return window


def share(bound: Bound, replicas: int) -> int:
    """What one of ``replicas`` routers may admit by itself so that together they keep the limit."""
    return bound.limit.count // replicas
