"""Which providers may be given only so many notifications in a time, as those who draw for them tell."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from shared.clock import Clock

#: Whoever draws names all of them, every half second at the least. One that was not named for so long has no bound any
#: more. To believe it a little longer costs nothing but a further draw.
_BELIEVED = dt.timedelta(minutes=1)


class BoundedProviders:
    """Every ledger learns of them by itself: routers spread their draws over all ledgers."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told_at: dict[str, dt.datetime] = {}

    def tell(self, providers: Iterable[str]) -> None:
        """These have a bound now."""
        self._told_at |= dict.fromkeys(providers, self._clock.now())

    @property
    def providers(self) -> frozenset[str]:
        """Those that have a bound, as far as is known."""
        if not self._told_at:
            return frozenset()
        now = self._clock.now()
        self._told_at = {name: at for name, at in self._told_at.items() if abs(now - at) <= _BELIEVED}
        return frozenset(self._told_at)
