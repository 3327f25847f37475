"""The matrix: faults by 9 phases, losses on HIGH's own way, and the few cells that every test run includes."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence

from proof.chaos import faults, faults_of_neighbours, faults_of_traffic
from proof.chaos.cell import Cell
from proof.chaos.faults import Fault
from proof.chaos.phases import PHASES, URGENT

FAULTS: Sequence[type[Fault]] = (
    faults.Kill,
    faults.Freeze,
    faults.DatabaseCrash,
    faults.BrokerWiped,
    faults.Partition,
    faults.Reset,
    faults_of_traffic.Providers,
    faults_of_traffic.Drips,
    faults_of_traffic.Reports,
    faults.WrongClock,
    faults.ClockAhead,
    faults.ClockBack,
    faults.NoRoom,
    faults.VersionBeside,
    faults_of_traffic.Overload,
    faults_of_traffic.Poison,
    faults_of_traffic.PoisonTemplate,
    faults_of_neighbours.Digests,
    faults_of_neighbours.Streams,
)

#: One of each kind that takes little time, over the phases where most was ever lost.
QUICK = ("kill@7", "broker@4", "provider@6", "database@2")


def cells(patterns: Sequence[str], seeds: Sequence[int]) -> list[list[Cell]]:
    """For each cell whose name fits one of ``patterns`` ("kill@7", "*@5"): its runs, one for each seed."""
    names = [(fault, phase) for phase in PHASES for fault in FAULTS] + [(faults.Kill, phase) for phase in URGENT]
    return [
        [Cell(fault, phase, seed) for seed in seeds]
        for fault, phase in names
        if any(fnmatch.fnmatch(f"{fault.name}@{phase}", pattern) for pattern in patterns)
    ]
