"""Memory of the suite at rest, and what waiting notifications add outside PostgreSQL."""

from __future__ import annotations

import asyncio

from proof.bench.bench import Bench, Runs
from proof.bench.figures import Row, at_most

MEGABYTE = 1024 * 1024
#: For allocators and caches to come to rest, s.
REST_S = 2.0
#: Servers that Pulse brings but did not write.
DATABASE = "postgres"


async def at_rest(bench: Bench) -> Row:
    """Real workers, nothing to do; measured once, as one suite has one such state."""
    row = Row("memory-rest", "memory of the whole suite at rest (PSS, the sandbox and PostgreSQL included)")
    runs = Runs()
    for _ in range(bench.sizes.runs):
        await asyncio.sleep(REST_S)
        runs.note(all=sum(bench.suite.pss().values()) / MEGABYTE)
    row.figures.append(runs.figure("all", "all processes", "MB", at_most(800)))
    shares = sorted(bench.suite.pss().items(), key=lambda pair: -pair[1])
    row.notes.append(", ".join(f"{name} {size / MEGABYTE:.0f}" for name, size in shares))
    return row


async def growth(bench: Bench) -> Row:
    """The same number was accepted and delivered before, so that what stays is what waits."""
    sizes = bench.sizes
    row = Row("memory-growth", f"memory that {sizes.waiting:,} waiting add outside PostgreSQL, per 10,000")
    runs = Runs()
    await bench.backlog(sizes.waiting)
    await bench.drain()
    for number in range(sizes.runs):
        await bench.suite.stop_workers()
        before = await _outside(bench)
        await bench.backlog(sizes.waiting)
        after = await _outside(bench)
        await bench.suite.start_workers()
        await bench.drain()
        grown = {name: after[name] - before[name] for name in after}
        runs.note(growth=sum(grown.values()) * 10_000 / sizes.waiting / MEGABYTE)
        bench.say(f"run {number + 1}: {runs.values['growth'][-1]:.2f} MB per 10,000")
    row.figures.append(runs.figure("growth", "growth per 10,000 waiting", "MB", at_most(5)))
    row.notes.append("last run: " + ", ".join(f"{name} {size / MEGABYTE:+.1f}" for name, size in grown.items() if size))
    return row


async def through(bench: Bench) -> Row:
    """Everything is accepted and delivered, nothing waits in the end: what stays from round to round is a leak."""
    sizes = bench.sizes
    row = Row("memory-through", f"memory kept outside PostgreSQL while {sizes.through:,} go through, per 100,000")
    kept: list[dict[str, int]] = []
    for number in range(sizes.through_rounds):
        await bench.backlog(sizes.through // sizes.through_rounds)
        await bench.drain()
        kept.append(await _outside(bench))
        bench.say(f"round {number + 1}: {sum(kept[-1].values()) / MEGABYTE:.0f} MB")
    # The first half fills caches and allocators' pools, which have a bound.
    settled = len(kept) // 2
    rounds = len(kept) - 1 - settled
    grown = {name: kept[-1][name] - kept[settled][name] for name in kept[-1]} if rounds else {}
    passed = sizes.through / sizes.through_rounds * rounds
    runs = Runs({"growth": [sum(grown.values()) / MEGABYTE * 100_000 / passed if rounds else 0.0]})
    row.figures.append(runs.figure("growth", "growth per 100,000 in the second half", "MB", at_most(1)))
    row.notes.append("after each round: " + ", ".join(f"{sum(one.values()) / MEGABYTE:.0f}" for one in kept) + " MB")
    row.notes.append("second half: " + ", ".join(f"{name} {size / MEGABYTE:+.1f}" for name, size in grown.items()))
    return row


async def _outside(bench: Bench) -> dict[str, int]:
    await asyncio.sleep(REST_S)
    return {name: size for name, size in bench.suite.pss().items() if name != DATABASE}
