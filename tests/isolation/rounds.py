"""Rounds: how long a tenant's calls took alone and beside an attack, and whether that is within the bound."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from proof.chaos.report import percentile

#: Beside an attack things may take so many times what they take alone, and in any case so long, s: below that a busy
#: machine's own doings are all that is measured. What attacks once cost others lay between 1 s and 52 s.
FACTOR = 2.0
FLOOR_S = {"sends": 0.5, "reads": 0.5, "receipts": 2.5}


@dataclass
class Round:
    """Times of one round, s."""

    sends: list[float] = field(default_factory=list)
    reads: list[float] = field(default_factory=list)
    receipts: list[float] = field(default_factory=list)

    def p99(self, what: str) -> float:
        """The time that 99 of 100 do not exceed: here, with fewer than a hundred, the longest."""
        return percentile(getattr(self, what), 0.99)


@dataclass
class Comparison:
    """Rounds in turn: alone, beside the attack, alone, ..."""

    alone: list[Round] = field(default_factory=list)
    beside: list[Round] = field(default_factory=list)

    def p99s(self, what: str) -> tuple[float, float]:
        """The median of the rounds' p99, alone and beside the attack, s."""
        return _median(self.alone, what), _median(self.beside, what)

    def exceeded(self) -> list[str]:
        """What took longer beside the attack than it may; empty if all is well."""
        return [what for what, floor in FLOOR_S.items() if self._is_beyond(what, floor)]

    def _is_beyond(self, what: str, floor: float) -> bool:
        alone, beside = self.p99s(what)
        return beside > max(FACTOR * alone, floor)

    def __str__(self) -> str:
        pairs = {what: self.p99s(what) for what in FLOOR_S}
        return "  ".join(
            f"{what} {alone * 1000:4.0f} → {beside * 1000:4.0f} ms" for what, (alone, beside) in pairs.items()
        )


def _median(rounds: Sequence[Round], what: str) -> float:
    return statistics.median(one.p99(what) for one in rounds)
