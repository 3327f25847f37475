"""What a long history costs: the same work on an empty ledger and on one with millions of notifications."""

from __future__ import annotations

import datetime as dt
import shutil
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence

from proof.bench import fill
from proof.bench.bench import Bench, Runs
from proof.bench.figures import Row, at_most
from proof.bench.rows import drain
from proof.bench.suite import API_KEYS, TENANT
from pulse_client import AsyncClient

#: Share of the free disk that the copies may take: the rest is for the log that PostgreSQL writes ahead.
DISK_SHARE = 0.6
#: Pages that people look at.
PAGE = 50

#: Costs: what they are called, in which unit the figure is.
COSTS = {"accept": "ms", "batch": "s", "deliver": "s", "get": "ms", "list": "ms"}


async def ledger_size(bench: Bench) -> Row:
    """Empty and filled in one run, one after the other."""
    sizes = bench.sizes
    row = Row("ledger-size", f"cost with {sizes.rows:,} notifications in the ledger against an empty one")
    free = shutil.disk_usage(bench.suite.plan.home.path).free
    if sizes.rows * fill.BYTES > free * DISK_SHARE:
        row.skipped = f"{sizes.rows:,} rows need {sizes.rows * fill.BYTES / DISK_SHARE / 1e9:.0f} GB of free disk"
        return row
    empty, full = Runs(), Runs()
    await _measure(bench, empty, "empty")
    exemplar = await _exemplar(bench)
    await fill.fill(bench.suite.database, exemplar, sizes.rows, dt.datetime.now(dt.UTC), bench.say)
    await _measure(bench, full, "filled")
    for cost in COSTS:
        runs = Runs({cost: [value / statistics.median(empty.values[cost]) for value in full.values[cost]]})
        row.figures.append(runs.figure(cost, f"{cost}, filled / empty", "×", at_most(1.1)))
    medians = {cost: statistics.median(values) for cost, values in empty.values.items()}
    shown = ", ".join(f"{cost} {value:.3g} {COSTS[cost]}" for cost, value in medians.items())
    row.notes.append(f"empty, but for what the runs themselves accept: {shown}")
    return row


async def _measure(bench: Bench, runs: Runs, state: str) -> None:
    sizes = bench.sizes
    for number in range(1 - sizes.warm_runs, sizes.runs + 1):
        accepted = await bench.load("single", sizes.single, warm=sizes.warm)
        await bench.drain()
        await bench.suite.stop_workers()
        batch = await bench.backlog(sizes.drain)
        began = time.time()
        await bench.suite.start_workers()
        await bench.drain()
        costs = {
            "accept": 1000 * accepted.seconds / sizes.single,
            "batch": batch.seconds,
            "deliver": await drain.first_to_last(bench, began),
            **await _reads(bench, [id_ for id_, _ in batch.ids]),
        }
        if number > 0:
            runs.note(**costs)
            bench.say(f"{state}, run {number}: " + ", ".join(f"{key} {value:.3g}" for key, value in costs.items()))


async def _reads(bench: Bench, ids: Sequence[str]) -> dict[str, float]:
    """Milliseconds for a look at one notification and at a page of them, one call after the other."""
    async with AsyncClient(bench.suite.grpc, api_key=API_KEYS[TENANT]) as client:

        async def page(_: str) -> None:
            pages = client.list(page_size=PAGE)
            await anext(pages)

        async def one(id_: str) -> None:
            await client.get(id_)

        wanted = ids[:: max(1, len(ids) // bench.sizes.reads)]
        return {"get": await _milliseconds(one, wanted), "list": await _milliseconds(page, wanted)}


async def _milliseconds(call: Callable[[str], Awaitable[None]], wanted: Sequence[str]) -> float:
    began = time.perf_counter()
    for id_ in wanted:
        await call(id_)
    return 1000 * (time.perf_counter() - began) / len(wanted)


async def _exemplar(bench: Bench) -> str:
    """A notification that was delivered like any other."""
    result = await bench.backlog(1)
    await bench.drain()
    return result.ids[0][0]
