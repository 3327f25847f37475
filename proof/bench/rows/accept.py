"""What accepting costs: durably stored and answered. The workers are stopped, so that nothing else is going on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from proof.bench.bench import Bench, Runs
from proof.bench.figures import Row, at_least, at_most
from proof.bench.floors import Floor


@asynccontextmanager
async def only_accepting(bench: Bench) -> AsyncIterator[None]:
    """Stops the workers for the block; afterwards what it left is delivered."""
    await bench.suite.stop_workers()
    try:
        yield
    finally:
        await bench.suite.start_workers()
        await bench.drain()


async def single(bench: Bench) -> Row:
    """SendNotification by gRPC in a closed loop."""
    sizes = bench.sizes
    row = Row("accept-grpc", f"SendNotification by gRPC, {sizes.in_flight} in flight")
    runs = await _calls(bench, row, "single", sizes.single)
    await _latencies(bench, row, runs, rate=4_000, p50=12, p99=25)
    return row


async def rest(bench: Bench) -> Row:
    """The same over REST, through Envoy's transcoder."""
    sizes = bench.sizes
    row = Row("accept-rest", f"POST /v1/notifications through Envoy, {sizes.in_flight} connections")
    runs = await _calls(bench, row, "rest", sizes.rest)
    await _latencies(bench, row, runs, rate=3_000)
    return row


async def gather(bench: Bench) -> Row:
    """Single sends through the Python client, whose callers are in one process: it gathers them."""
    sizes = bench.sizes
    row = Row("accept-gather", f"send of the Python client, {sizes.in_flight} callers at once")
    runs = await _calls(bench, row, "gather", sizes.gather)
    await _latencies(bench, row, runs, rate=10_000)
    return row


async def batch(bench: Bench) -> Row:
    """BatchSendNotifications of 500."""
    sizes = bench.sizes
    row = Row("accept-batch", f"BatchSendNotifications of 500, {sizes.batch_in_flight} calls in flight")
    runs = await _calls(bench, row, "batch", sizes.batch)
    floor = await bench.floors.inserts(bench.suite.plan, sizes, 500)
    row.figures.append(runs.figure("rate", "accepted", "notifications/s", at_least(25_000), floor))
    row.figures.append(runs.figure("p99", "p99 of a call", "ms"))
    return row


async def _calls(bench: Bench, row: Row, way: str, count: int) -> Runs:
    runs = Runs()
    for number in range(bench.sizes.runs):
        async with only_accepting(bench):
            cost = bench.cost()
            result = await bench.load(way, count, warm=bench.sizes.warm)
            runs.cpu.append(cost.per_thousand(count + bench.sizes.warm))
            runs.cpu[-1]["load generator"] = result.cpu_seconds * 1000 / count
        runs.note_load(result)
        bench.say(f"run {number + 1}: {result.rate:,.0f}/s")
    runs.cost(row)
    return runs


async def _latencies(
    bench: Bench, row: Row, runs: Runs, rate: float, p50: float | None = None, p99: float | None = None
) -> None:
    floors = await bench.floors.echo(bench.sizes)
    inserts: Floor = await bench.floors.inserts(bench.suite.plan, bench.sizes, 50)
    row.figures += [
        runs.figure("rate", "accepted", "1/s", at_least(rate), floors[0]),
        runs.figure("p50", "p50", "ms", at_most(p50) if p50 else None, floors[1]),
        runs.figure("p99", "p99", "ms", at_most(p99) if p99 else None, floors[2]),
    ]
    row.notes.append(f"a {inserts.name} reaches {inserts.value:,.0f} rows/s")
