"""The figures as a picture: each median against its goal, so that all fit one scale."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from proof.bench.figures import Figure, Row

MET, MISSED = "#2a7f62", "#c0392b"


def draw(rows: Sequence[Row], file: Path) -> bool:
    """Writes an SVG of the figures that have a goal; False if there are none.

    A bar is how many times better than its goal a figure is, on a logarithmic scale; the whisker spans the runs.
    """
    from matplotlib.figure import Figure as Canvas  # here, as it takes a second and only the end of a run needs it

    shown = [(row, figure) for row in rows for figure in row.figures if better(figure, figure.median)]
    if not shown:
        return False
    canvas = Canvas(figsize=(9, 0.42 * len(shown) + 1.2), layout="constrained")
    axes = canvas.subplots()
    for place, (_, figure) in enumerate(shown):
        median = better(figure, figure.median)
        low, high = sorted(better(figure, run) or median for run in (min(figure.runs), max(figure.runs)))
        axes.barh(place, median - 1, left=1, color=MET if figure.met else MISSED, height=0.6)
        axes.plot([low, high], [place, place], color="black", linewidth=1)
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks(range(len(shown)), [f"{row.name}: {figure.name}" for row, figure in shown], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("times better than the goal (1 = goal)")
    canvas.savefig(file)
    return True


def better(figure: Figure, value: float) -> float:
    """How many times better than the goal ``value`` is; 0 without a goal that can be divided by."""
    if figure.goal is None or not figure.goal.value or not value:
        return 0.0
    return value / figure.goal.value if figure.goal.relation == ">=" else figure.goal.value / value
