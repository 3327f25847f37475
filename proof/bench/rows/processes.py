"""How accepting grows where gateway, router and ledger have more processes each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from proof.bench.bench import Bench, Runs, make_templates
from proof.bench.figures import Row
from proof.bench.floors import Floors
from proof.bench.rows.accept import only_accepting
from proof.bench.sizes import Sizes
from proof.bench.suite import running
from services.local.plan import Plan

ROLES = ("GATEWAY", "ROUTER", "LEDGER")
COUNTS = (1, 2)
#: Of the load, for whatever number of processes: the kernel draws for each which process gets it.
CONNECTIONS = 16
WAYS = {"single": "single ones", "batch": "in batches of 500"}


async def growth(folder: Path, sizes: Sizes, say: Callable[[str], None], floors: Floors) -> Row:
    """One suite after the other, workers stopped; on as many cores as there are, the load generator's among them."""
    row = Row("accept-processes", f"gateway, router and ledger of {' and '.join(map(str, COUNTS))} processes each")
    runs = Runs()
    for count in COUNTS:
        async with running(folder / f"processes-{count}", null=True, settings=_settings(count)) as suite:
            await make_templates(suite.grpc)
            bench = Bench(suite, sizes, say, floors)
            for _ in range(sizes.runs):
                async with only_accepting(bench):
                    runs.note(**{f"{way} {count}": await _rate(bench, way) for way in WAYS})
    for way, words in WAYS.items():
        for count in COUNTS:
            row.figures.append(runs.figure(f"{way} {count}", f"accepted {words}, {count} each", "notifications/s"))
    return row


def _settings(count: int) -> Callable[[Plan], Mapping[str, str]]:
    return lambda _plan: {f"PULSE_{role}_PROCESSES": str(count) for role in ROLES}


async def _rate(bench: Bench, way: str) -> float:
    sizes = bench.sizes
    count = sizes.batch if way == "batch" else sizes.single
    in_flight = max(CONNECTIONS, sizes.in_flight if way == "single" else 0)
    return (await bench.load(way, count, warm=sizes.warm, connections=CONNECTIONS, in_flight=in_flight)).rate
