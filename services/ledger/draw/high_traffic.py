"""Whether HIGH notifications are under way, so that LOW can leave them room."""

from __future__ import annotations

import time
from collections.abc import Callable

#: So long after one was claimed they count as under way, s.
_LASTS = 1.0


class HighTraffic:
    """What this ledger has seen of HIGH."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._until = 0.0

    def seen(self) -> None:
        """One was claimed: it is being sent. What is only recorded may be planned for next week."""
        self._until = self._monotonic() + _LASTS

    @property
    def under_way(self) -> bool:
        """Whether that was within the last second."""
        return self._monotonic() < self._until
