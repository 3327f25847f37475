"""How long to wait before a process that died is started again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

FIRST_S = 0.5
LONGEST_S = 30.0
#: A process that was up for so long has earned a fresh start, seconds.
STEADY_S = 60.0


class Delays(Protocol):
    """A process's history, and what it means for the next start."""

    def after(self, uptime_s: float) -> tuple[float, Delays]:
        """The wait in seconds after a death at ``uptime_s`` seconds of age, and the history that follows."""
        ...


@dataclass(frozen=True)
class Backoff:
    """Doubles with each death in a row; immutable, so that a history is one value."""

    deaths: int = 0

    def after(self, uptime_s: float) -> tuple[float, Backoff]:
        """As :class:`Delays` says."""
        deaths = 0 if uptime_s >= STEADY_S else self.deaths
        return min(FIRST_S * 2**deaths, LONGEST_S), Backoff(min(deaths + 1, 10))
