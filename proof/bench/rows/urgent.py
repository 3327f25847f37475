"""How long a HIGH notification takes to its provider: on an idle suite, and while 100,000 LOW ones drain beside it."""

from __future__ import annotations

import asyncio

from proof.bench import records
from proof.bench.bench import Bench, Runs
from proof.bench.figures import Row, at_most, percentile
from proof.bench.spec import Result
from proof.waiting import until

_POLL_S = 0.02


async def high(bench: Bench) -> Row:
    """Both side by side in each run, so that the machine's moods hit both."""
    sizes = bench.sizes
    row = Row("high", f"HIGH from the call to the provider, idle and behind {sizes.high_backlog:,} LOW")
    floors = await bench.floors.echo(sizes)
    runs = Runs()
    for number in range(sizes.runs):
        idle = await _idle(bench, runs)
        behind = await _behind(bench)
        for name, waits in (("idle", idle), ("behind", behind)):
            runs.note(**{f"{name} p50": percentile(waits, 0.5), f"{name} p99": percentile(waits, 0.99)})
        runs.note(ratio=runs.values["behind p99"][-1] / runs.values["idle p99"][-1], samples=len(behind))
        bench.say(f"run {number + 1}: p99 {percentile(idle, 0.99):.1f} ms idle, {percentile(behind, 0.99):.1f} behind")
    row.figures += [
        runs.figure("idle p50", "idle, p50", "ms", at_most(5), floors[1]),
        runs.figure("idle p99", "idle, p99", "ms", at_most(10), floors[2]),
        runs.figure("idle cpu", "idle, CPU of one in all processes", "ms", at_most(6)),
        runs.figure("behind p50", "behind a backlog, p50", "ms", None, floors[1]),
        runs.figure("behind p99", "behind a backlog, p99", "ms", at_most(25), floors[2]),
        runs.figure("ratio", "p99 behind / p99 idle", "×", at_most(1.2)),
    ]
    runs.cost(row)
    samples = min(runs.values["samples"])
    row.notes.append(f"{sizes.high_rate:g} a second; at least {samples:.0f} samples behind the backlog a run")
    return row


async def _idle(bench: Bench, runs: Runs) -> list[float]:
    """Notes what one costs, too: with what the suite spends while it waits for the next, without the generator."""
    sizes, warm = bench.sizes, bench.sizes.warm // 10
    start, cost = bench.suite.recorded("high"), bench.cost()
    result = await bench.load("paced", sizes.high_idle, rate=sizes.high_rate, priority="HIGH", warm=warm)
    spent = cost.per_thousand(sizes.high_idle + warm)
    runs.cpu.append(spent)
    runs.note(**{"idle cpu": sum(spent.values())})
    await bench.drain()
    return _waits(bench, result, start)


async def _behind(bench: Bench) -> list[float]:
    """Only those count that were sent while LOW ones were still being delivered."""
    sizes, suite = bench.sizes, bench.suite
    await suite.stop_workers(["low"])
    await bench.backlog(sizes.high_backlog)
    start, low = suite.recorded("high"), suite.recorded("low")
    await suite.start_workers(["low"])

    async def draining() -> bool:
        return suite.recorded("low") > low

    await until(draining, sizes.patience_s, _POLL_S)
    full = low + sizes.high_backlog
    result = await _while_draining(bench, full)
    last = max((record.at_ns for record in records.read(suite.record_file("low"), low)), default=0)
    await bench.drain()
    during = [(id_, sent) for id_, sent in result.ids if sent < last]
    return _waits(bench, Result(ids=during), start)


async def _while_draining(bench: Bench, full: int) -> Result:
    """HIGH ones, until they are enough or the null provider has all ``full`` LOW ones."""
    sizes, suite = bench.sizes, bench.suite
    stop = suite.plan.home.path / "drained"
    stop.unlink(missing_ok=True)
    load = asyncio.create_task(
        bench.load("paced", sizes.high_behind, rate=sizes.high_rate, priority="HIGH", until=str(stop)), name="HIGH load"
    )

    async def drained() -> bool:
        return load.done() or suite.recorded("low") >= full

    await until(drained, sizes.patience_s, _POLL_S)
    stop.touch()
    return await load


def _waits(bench: Bench, result: Result, start: int) -> list[float]:
    """Milliseconds from each call to its record."""
    at = {record.notification_id: record.at_ns for record in records.read(bench.suite.record_file("high"), start)}
    return [(at[id_] - sent) / 1e6 for id_, sent in result.ids]
