"""Figures: what a row measured, run by run, beside the floor of the same run and the goal. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Goal:
    """A bound: at least (``>=``) or at most (``<=``) so much, in the figure's unit."""

    relation: str
    value: float

    def is_met(self, figure: float) -> bool:
        return figure >= self.value if self.relation == ">=" else figure <= self.value

    def __str__(self) -> str:
        return f"{'≥' if self.relation == '>=' else '≤'} {self.value:,g}"


def at_least(value: float) -> Goal:
    return Goal(">=", value)


def at_most(value: float) -> Goal:
    return Goal("<=", value)


@dataclass(frozen=True)
class Figure:
    """One quantity in ``unit``, measured once a run. ``floor`` is what the bare means reach, in the same unit."""

    name: str
    unit: str
    runs: tuple[float, ...]
    goal: Goal | None = None
    floor: float | None = None
    floor_name: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.runs)

    @property
    def spread(self) -> float:
        """Greatest minus least run, as a share of the median; 0 for a single run."""
        return (max(self.runs) - min(self.runs)) / abs(self.median) if self.median else 0.0

    @property
    def ratio(self) -> float | None:
        """The figure as a share of its floor."""
        return self.median / self.floor if self.floor else None

    @property
    def met(self) -> bool | None:
        """Whether the median meets the goal; None: there is none."""
        return self.goal.is_met(self.median) if self.goal else None


@dataclass
class Row:
    """What one row of the benchmark found. ``cpu`` is CPU seconds per 1,000 notifications by process."""

    name: str
    title: str
    figures: list[Figure] = field(default_factory=list)
    cpu: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    skipped: str = ""  # why nothing was measured
    failed: str = ""  # what went wrong


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` (0 to 1) of the values lie, by nearest rank; raises ValueError without any."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def jain(shares: Sequence[float]) -> float:
    """Jain's fairness index: 1 if all shares are equal, 1/n if one has all; 0 if none has any.

    Jain, Chiu and Hawe, "A Quantitative Measure of Fairness and Discrimination", DEC-TR-301, 1984.
    """
    squares = sum(share * share for share in shares)
    return sum(shares) ** 2 / (len(shares) * squares) if squares else 0.0


def merged_cpu(runs: Sequence[dict[str, float]]) -> dict[str, float]:
    """The median over runs, process by process, most expensive first."""
    names = {name for run in runs for name in run}
    medians = {name: statistics.median(run.get(name, 0.0) for run in runs) for name in names}
    return dict(sorted(medians.items(), key=lambda pair: -pair[1]))
