"""The parts that fail over, and their cells: beside the matrix, each in a suite of its own."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence

from proof.chaos.arrangement import Arrangement
from proof.chaos.cell import Cell
from proof.chaos.failover.pgbouncer_between import PgBouncerBetween, PgBouncerRefused
from proof.chaos.failover.postgres_pair import PostgresFailover, PostgresPair
from proof.chaos.failover.rabbitmq_cluster import RabbitMqCluster, RabbitMqFailover
from proof.chaos.failover.valkey_sentinel import ValkeyFailover, ValkeySentinel
from proof.chaos.faults import Fault
from proof.chaos.phases import LOAD

#: Each fault, and the suite that it is for.
PARTS: dict[type[Fault], type[Arrangement]] = {
    PostgresFailover: PostgresPair,
    ValkeyFailover: ValkeySentinel,
    PgBouncerRefused: PgBouncerBetween,
    RabbitMqFailover: RabbitMqCluster,
}


def cells(patterns: Sequence[str], seeds: Sequence[int]) -> list[list[Cell]]:
    """For each whose name fits one of ``patterns`` ("postgres-failover*"): its runs, one for each seed."""
    found = [[Cell(fault, LOAD.number, seed) for seed in seeds] for fault in PARTS]
    return [runs for runs in found if any(fnmatch.fnmatch(runs[0].name, pattern) for pattern in patterns)]
