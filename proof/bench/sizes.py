"""How much each row does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """Counts are notifications unless said otherwise; ``runs`` are timed, each after ``warm`` calls."""

    runs: int = 3
    warm_runs: int = 1  # of rows in which a run is more than calls
    warm: int = 2_000
    in_flight: int = 50
    single: int = 20_000
    rest: int = 12_000
    gather: int = 50_000
    batch: int = 100_000
    batch_in_flight: int = 4  # calls
    drain: int = 50_000
    smtp_drain: int = 20_000
    push_drain: int = 20_000
    together: int = 20_000
    # A second: a quarter of what two cores can do of single ones, so that HIGH waits for LOW rather than for itself.
    high_rate: float = 25.0
    high_idle: int = 1_000
    high_behind: int = 3_000  # at the most
    high_backlog: int = 100_000
    flood: int = 50_000
    light: int = 1_000
    waiting: int = 30_000
    through: int = 1_000_000
    through_rounds: int = 10
    watches: int = 4_000
    rows: int = 1_000_000
    reads: int = 1_000  # calls
    outage_s: float = 30.0
    failover_rate: float = 100.0  # a second
    floor_inserts: int = 50_000  # rows
    floor_emails: int = 5_000
    floor_pushes: int = 5_000
    patience_s: float = 300.0  # longest wait for one thing


#: Every row once, with just enough to see that it works.
SHORT = Sizes(
    runs=1,
    warm_runs=0,
    warm=20,
    in_flight=20,
    single=300,
    rest=200,
    gather=500,
    batch=1_000,
    batch_in_flight=2,
    drain=1_000,
    smtp_drain=200,
    push_drain=200,
    together=200,
    high_rate=50.0,
    high_idle=50,
    high_behind=500,
    high_backlog=2_000,
    flood=5_000,
    light=100,
    waiting=1_000,
    through=1_200,
    through_rounds=3,
    watches=200,
    rows=5_000,
    reads=50,
    outage_s=2.0,
    failover_rate=20.0,
    floor_inserts=2_000,
    floor_emails=200,
    floor_pushes=200,
    patience_s=60.0,
)
