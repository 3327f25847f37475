"""What this process admitted itself, in all limits: the count that remains when Redis is lost.

While Redis is there, what it admitted is noted here too. So limits also hold across the moment in which Redis
goes, and across the moment in which it comes back empty.
"""

from __future__ import annotations

from collections import OrderedDict

from services.router.rules.local_slots import LocalSlots
from services.router.rules.local_window import LocalWindow
from services.router.rules.quota import LOGGED, Bound, Claim, LimitReached, Place, Standing, Terms, nearest

#: Lengths of windows that are counted; beyond, the one that no terms named for longest is forgotten.
_MOST_LENGTHS = 100
#: Terms whose windows are remembered.
_MOST_TERMS = 10_000

_Window = LocalWindow | LocalSlots


class LocalLimits:
    """Counts per limit and key. Times are seconds of one monotonic clock, given by the caller.

    At most ``max_keys`` users, addresses and tenants are remembered for each length of window.
    """

    def __init__(self, max_keys: int) -> None:
        self._max_keys = max_keys
        self._windows: OrderedDict[tuple[bool, float], _Window] = OrderedDict()
        self._of_terms: dict[Terms, tuple[tuple[Bound, _Window], ...]] = {}

    def holds(self, claim: Claim, now: float) -> bool:
        """Whether the claim's token has its places."""
        _, window = self._of(claim.terms)[0]
        return isinstance(window, LocalWindow) and window.holds(claim.keys[0], claim.token, now)

    def refusal(self, claim: Claim, now: float, replicas: int = 1) -> LimitReached | None:
        """Which of the limits, divided among ``replicas``, has no room, if any; of several the last to have it."""
        waiting: list[Standing] = []
        for (bound, window), key in zip(self._of(claim.terms), claim.keys, strict=True):
            amount = share(bound, replicas)
            wait = window.wait(key, bound.cost, amount, now)
            if wait:
                waiting.append(Standing(bound, window.left(key, amount, now), wait))
        return LimitReached(max(waiting, key=lambda one: one.reset)) if waiting else None

    def standing(self, claim: Claim, now: float, replicas: int = 1) -> Standing:
        """How much is left of the limit, divided among ``replicas``, that is nearest to its end."""
        standings: list[Standing] = []
        for (bound, window), key in zip(self._of(claim.terms), claim.keys, strict=True):
            amount = share(bound, replicas)
            left = window.left(key, amount, now)
            standings.append(Standing(bound, left, window.wait(key, left + 1, amount, now)))
        return nearest(standings)

    def note(self, claim: Claim, now: float) -> None:
        """Takes places, whether or not there are any."""
        for (bound, window), key in zip(self._of(claim.terms), claim.keys, strict=True):
            window.note(key, claim.token, bound.cost, now)

    def give_back(self, place: Place) -> None:
        """Frees places that are still held."""
        claim = place.claim
        if self.holds(claim, place.noted_at):
            for (bound, window), key in zip(self._of(claim.terms), claim.keys, strict=True):
                window.give_back(key, claim.token, bound.cost, place.noted_at)

    def _of(self, terms: Terms) -> tuple[tuple[Bound, _Window], ...]:
        """The limits of ``terms``, each with the window that counts it."""
        found = self._of_terms.get(terms)
        if found is None:
            if len(self._of_terms) >= _MOST_TERMS:
                self._of_terms.clear()
            found = self._of_terms[terms] = tuple([(bound, self._window(bound)) for bound in terms.bounds])
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
