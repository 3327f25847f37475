"""What a run found, for people and for programs. Pure but for the machine's description."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from proof.bench.figures import Figure, Row
from proof.bench.sizes import Sizes

HEAD = ("row", "figure", "median", "spread", "floor", "ratio", "goal", "met")
MET = {True: "yes", False: "NO", None: ""}


def table(rows: Sequence[Row]) -> str:
    """All figures in columns."""
    cells = [HEAD, *(line for row in rows for line in _cells(row))]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEAD))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells)


def lines(row: Row) -> str:
    """One row with everything that is known of it."""
    if row.failed or row.skipped:
        return f"{row.name}: {'FAILED: ' + row.failed if row.failed else 'left out: ' + row.skipped}"
    found = [f"{row.title} ({row.seconds:.0f} s)", *(f"  {_sentence(figure)}" for figure in row.figures)]
    if row.cpu:
        costs = ", ".join(f"{name} {seconds:.3f}" for name, seconds in row.cpu.items())
        found.append(f"  CPU s per 1,000: {costs}; {sum(row.cpu.values()):.3f} in all")
    return "\n".join([*found, *(f"  {note}" for note in row.notes)])


def as_json(rows: Sequence[Row], sizes: Sizes) -> str:
    """Everything, with the machine it was measured on."""
    machine = {
        "processors": os.cpu_count(),
        "architecture": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }
    found = {
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "machine": machine,
        "sizes": asdict(sizes),
        "rows": [{**asdict(row), "figures": [_as_dict(figure) for figure in row.figures]} for row in rows],
    }
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def _as_dict(figure: Figure) -> dict[str, Any]:
    derived = {"median": figure.median, "spread": figure.spread, "ratio": figure.ratio, "met": figure.met}
    return {**asdict(figure), "goal": str(figure.goal) if figure.goal else None, **derived}


def _cells(row: Row) -> list[tuple[str, ...]]:
    if row.failed or row.skipped:
        return [(row.name, "failed" if row.failed else "left out", *[""] * (len(HEAD) - 2))]
    return [
        (
            row.name,
            figure.name,
            f"{number(figure.median)} {figure.unit}".strip(),
            f"{figure.spread:.0%}",
            number(figure.floor) if figure.floor is not None else "",
            f"{figure.ratio:.2f}" if figure.ratio is not None else "",
            str(figure.goal or ""),
            MET[figure.met],
        )
        for figure in row.figures
    ]


def _sentence(figure: Figure) -> str:
    parts = [f"{figure.name}: {number(figure.median)} {figure.unit}".rstrip()]
    if len(figure.runs) > 1:
        parts.append(f"({number(min(figure.runs))} to {number(max(figure.runs))})")
    if figure.ratio is not None and figure.floor is not None:
        parts.append(f"= {figure.ratio:.2f} of {figure.floor_name} ({number(figure.floor)})")
    if figure.goal is not None:
        parts.append(f"goal {figure.goal}: {MET[figure.met]}")
    return " ".join(parts)


def number(value: float) -> str:
    """With as many digits as are worth reading."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
