"""How many of what a rate needs: arithmetic from measured costs, and a simulation that says what it feels like.

    python tools/scaling.py            prints the tables of docs/scaling.md
    python tools/scaling.py --write    writes them there

Every hop gathers what came in while its last batch was under way. So a hop's cost is that of a call, shared by its
batch, and that of a notification; the simulation lets batches form as they do and tells how large they get.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import math
import random
import statistics
import sys
import tomllib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from services.ledger.config import LedgerSettings

ROOT = Path(__file__).parent.parent
COSTS = ROOT / "tools" / "scaling_costs.toml"
PAGE = ROOT / "docs" / "scaling.md"
RATES = (1_000, 10_000, 100_000)
#: The share of its capacity that a process is planned for, so that a burst or a lost replica finds room.
BUSY = 0.6
#: The batch at which a hop's capacity is counted; under load batches grow to it by themselves.
PLANNED = 50
#: Ledgers that there are at the least, so that one may be lost.
_LEAST_LEDGERS = 2
#: Connections for migrations, backups, people, and those that PostgreSQL keeps for its superuser.
_SPARE_CONNECTIONS = 20
#: Notifications that one simulation follows.
_FOLLOWED = 20_000
_MARK = "<!-- {0}: made by tools/scaling.py -->"


@dataclass(frozen=True)
class Hop:
    """One hop of the way: CPU in µs for each call and each notification, and the contract's bound on a batch."""

    name: str
    call: float
    each: float
    most: int

    def seconds(self, size: int) -> float:
        """How long a batch of ``size`` keeps one core busy, s."""
        return (self.call + self.each * size) / 1e6


class Felt(NamedTuple):
    """What a rate feels like: latency of an accept in ms, and each hop's mean batch and load (1 is a whole core)."""

    p50: float
    p99: float
    batches: dict[str, float]
    load: dict[str, float]


class _Replica:
    """One process of a hop: works on one batch at a time, on whatever waits when it is free."""

    def __init__(self, hop: Hop) -> None:
        self.hop = hop
        self.waiting: deque[int] = deque()
        self.batch: list[int] = []
        self.busy = 0.0
        self.batches = 0

    def begin(self) -> float | None:
        """Takes a batch on if it is free and something waits; how long it takes, s."""
        if self.batch or not self.waiting:
            return None
        self.batch = [self.waiting.popleft() for _ in range(min(len(self.waiting), self.hop.most))]
        took = self.hop.seconds(len(self.batch))
        self.busy += took
        self.batches += 1
        return took


def simulate(rate: float, hops: Sequence[Hop], replicas: Sequence[int], seed: int = 1) -> Felt:
    """Follows some thousand notifications that arrive at random (a Poisson process of ``rate`` a second)."""
    chance = random.Random(seed)  # noqa: S311 -- a simulation
    stages = [[_Replica(hop) for _ in range(count)] for hop, count in zip(hops, replicas, strict=True)]
    turns = [itertools.cycle(stage) for stage in stages]
    arrived = list(itertools.accumulate(chance.expovariate(rate) for _ in range(_FOLLOWED)))
    ended = [0.0] * _FOLLOWED
    order = itertools.count()
    events: list[tuple[float, int, int, _Replica | None, int]] = [
        (moment, next(order), 0, None, number) for number, moment in enumerate(arrived)
    ]
    heapq.heapify(events)
    while events:
        now, _, stage, done, number = heapq.heappop(events)
        if done is None:
            replica = next(turns[stage])
            replica.waiting.append(number)
        else:
            replica, batch = done, done.batch
            done.batch = []
            if stage + 1 == len(stages):
                for one in batch:
                    ended[one] = now
            else:
                # What travelled together arrives together, as one call to one replica.
                following = next(turns[stage + 1])
                following.waiting.extend(batch)
                _begin(following, stage + 1, now, events, order)
        _begin(replica, stage, now, events, order)
    latencies = sorted(1_000 * (end - start) for end, start in zip(ended, arrived, strict=True))
    length = max(ended)
    return Felt(
        p50=latencies[len(latencies) // 2],
        p99=latencies[int(len(latencies) * 0.99)],
        batches={stage[0].hop.name: _FOLLOWED / sum(one.batches for one in stage) for stage in stages},
        load={stage[0].hop.name: statistics.fmean(one.busy for one in stage) / length for stage in stages},
    )


def _begin(replica: _Replica, stage: int, now: float, events: list[Any], order: Iterator[int]) -> None:
    took = replica.begin()
    if took is not None:
        heapq.heappush(events, (now + took, next(order), stage, replica, 0))


def plan(rate: float, hops: Sequence[Hop]) -> tuple[list[int], Felt]:
    """The replicas of each hop, and what that feels like.

    They are counted at a batch of :data:`PLANNED`: a hop that is less busy has smaller batches, which cost more each
    and make it look busier than it is.
    """
    sizes = [min(PLANNED, hop.most) for hop in hops]
    replicas = [
        max(1, math.ceil(rate * hop.seconds(size) / size / BUSY)) for hop, size in zip(hops, sizes, strict=True)
    ]
    return replicas, simulate(rate, hops, replicas)


def hops(costs: dict[str, Any], way: str) -> list[Hop]:
    """The hops of the way called ``way`` (accept or deliver)."""
    return [Hop(name, one["call"], one["each"], one["most"]) for name, one in costs[way].items()]


def cores_table(costs: dict[str, Any]) -> str:
    """How many processes of one core each, and what an accept feels like."""
    rows = []
    for rate in RATES:
        _, felt = plan(rate, hops(costs, "accept"))
        needed = _needed(costs, rate)
        rows.append([f"{rate:,}", *(f"{count:,}" for count in needed.values()), f"{felt.p50:.1f}", f"{felt.p99:.1f}"])
    return _table(["notifications/s", *needed, "p50, ms", "p99, ms"], rows)


def _needed(costs: dict[str, Any], rate: float) -> dict[str, int]:
    """How many of each role."""
    needed: dict[str, int] = {}
    for way in ("accept", "deliver"):
        counts, _ = plan(rate, hops(costs, way))
        for hop, count in zip(hops(costs, way), counts, strict=True):
            needed[hop.name] = needed.get(hop.name, 0) + count
    return needed


def storage_table(costs: dict[str, Any]) -> str:
    """What PostgreSQL writes and keeps."""
    kept, keys, wal, days = (costs["storage"][name] for name in ("kept", "keys", "wal", "days"))
    rows = []
    for rate in RATES:
        daily = rate * 86_400
        told = [rate * wal / 1e6, daily * (kept + keys) / 1e9]
        rows.append([f"{rate:,}", *(f"{one:,.0f}" for one in told), f"{daily * (kept * days + keys) / 1e12:,.1f}"])
    return _table(["notifications/s", "WAL, MB/s", "new data, GB a day", f"kept for {days} days, TB"], rows)


def connections_table(costs: dict[str, Any], each: int) -> str:
    """What PostgreSQL must let in, if a ledger has ``each`` connections and an upgrade twice the ledgers."""
    rows = []
    for rate in RATES:
        ledgers = max(_LEAST_LEDGERS, _needed(costs, rate)["ledger"])
        held = 2 * ledgers * each
        rows.append([f"{rate:,}", f"{ledgers:,}", f"{ledgers * each:,}", f"{held:,}", f"{held + _SPARE_CONNECTIONS:,}"])
    return _table(["notifications/s", "ledgers", "connections", "in an upgrade", "max_connections"], rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---:"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def tables(costs: dict[str, Any]) -> dict[str, str]:
    """Each by its name on the page."""
    connections = connections_table(costs, LedgerSettings.load({}).connections)
    return {"cores": cores_table(costs), "storage": storage_table(costs), "connections": connections}


def render(page: str, costs: dict[str, Any]) -> str:
    """The page with its tables as the costs make them."""
    for name, table in tables(costs).items():
        begin, end = _MARK.format(name), _MARK.format(f"end of {name}")
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        page = f"{before}{begin}\n{table}\n{end}{after}"
    return page


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the tables into docs/scaling.md")
    options = parser.parse_args()
    costs = tomllib.loads(COSTS.read_text(encoding="utf-8"))
    if options.write:
        PAGE.write_text(render(PAGE.read_text(encoding="utf-8"), costs), encoding="utf-8")
    else:
        sys.stdout.write("\n\n".join(tables(costs).values()) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
