"""The report: a line for each cell, a summary, and all of it as JSON."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from proof.chaos import phases
from proof.chaos.cell import Result
from proof.chaos.profiles import Profile


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of them do not exceed (nearest rank); 0 for none."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * round(share * 100) // 100) - 1)] if ordered else 0.0


def totals(results: Sequence[Result]) -> dict[str, Any]:
    """Sums over runs. A run missed its phase if nothing stood there when the fault struck."""
    recoveries = [one for result in results for one in result.recoveries_s]
    outages = [one for result in results for one in result.outages_s]
    figures = [result.verdict.figures for result in results]
    return {
        "runs": len(results),
        "acknowledged": sum(one.acknowledged for one in figures),
        "in_phase": sum(result.in_phase for result in results),
        "missed": sum(not result.in_phase for result in results),
        "lost": sum(one.lost for one in figures),
        "phantom": sum(one.phantom for one in figures),
        "duplicates": sum(one.duplicates for one in figures),
        "unknown_outcomes": sum(one.unknown_outcomes for one in figures),
        "unknown_because": dict(sum((Counter(one.unknown_because) for one in figures), Counter())),
        "violations": dict(Counter(v.invariant for result in results for v in result.verdict.violations)),
        "statuses": dict(sum((Counter(one.statuses) for one in figures), Counter())),
        "deaths": sum(len(result.deaths) for result in results),
        "recovered_late": len(recoveries),
        "recovery_p99_s": round(percentile(recoveries, 0.99), 2),
        "recovery_max_s": round(max(recoveries, default=0.0), 2),
        "outage_p99_s": round(percentile(outages, 0.99), 2),
        "outage_max_s": round(max(outages, default=0.0), 2),
        "accepted_again_max_s": _longest(result.again.accepted_s for result in results),
        "sent_again_max_s": _longest(result.again.sent_s for result in results),
        "restart_max_s": round(max((result.restart_s for result in results), default=0.0), 2),
        "seconds": round(sum(result.seconds for result in results), 1),
    }


def line(results: Sequence[Result]) -> str:
    """One cell in one line, over all its seeds."""
    sums = totals(results)
    cell = results[0].cell
    wrong = " ".join(f"{name}×{count}" for name, count in sorted(sums["violations"].items()))
    missed = f", {sums['missed']} of {sums['runs']} missed the phase" if sums["missed"] else ""
    deaths = f", {sums['deaths']} unasked deaths" if sums["deaths"] else ""
    phase = phases.of(cell.phase)
    times = _times(phase, sums)
    return (
        f"{cell.name:<13} {phase.name:<19} {sums['acknowledged']:>6} acknowledged"
        f" {sums['in_phase']:>5} in phase  {sums['lost']} lost  {sums['phantom']} phantom"
        f"  {sums['duplicates']:>3} twice of {sums['unknown_outcomes']:>3} unknown"
        f"  {times}  {wrong or 'ok'}{missed}{deaths}"
    )


def _times(phase: phases.Phase, sums: Mapping[str, Any]) -> str:
    """What a line says of time: of a failover, how soon the suite did its work again."""
    if phase is not phases.LOAD:
        return f"recovery p99 {sums['recovery_p99_s']:>5.2f} s"
    accepted, sent = (sums[f"{what}_again_max_s"] for what in ("accepted", "sent"))
    return f"accepted again after {_seconds(accepted)}, sent again after {_seconds(sent)}"


def _seconds(value: float | None) -> str:
    return "for ever" if value is None else f"{value:.2f} s"


def _longest(values: Iterable[float | None]) -> float | None:
    """None, for ever, if one of them is; else the longest, s."""
    found = list(values)
    known = [value for value in found if value is not None]
    return round(max(known), 2) if known and len(known) == len(found) else None


def as_json(
    cells: Sequence[Sequence[Result]], profile: Profile, not_run: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Everything: settings, sums, each cell, each run with its violations; ``not_run``: why, by the cell's name."""
    everything = [result for results in cells for result in results]
    return {
        "profile": profile.name,
        "recovery_goal_s": profile.recovery_goal_s,
        "totals": {**totals(everything), "not_run": dict(not_run or {})},
        "cells": [
            {"cell": results[0].cell.name, **totals(results), "each": [_run(result) for result in results]}
            for results in cells
        ],
    }


def _run(result: Result) -> dict[str, Any]:
    return {
        "seed": result.cell.seed,
        "what": result.what,
        **totals([result]),
        "repeated_calls": result.journal.repeated,
        "open": len(result.journal.open),
        "refused": dict(Counter(refusal.reason for refusal in result.journal.refused)),
        "found": [dataclasses.asdict(violation) for violation in result.verdict.violations],
        "died": result.deaths,
    }
