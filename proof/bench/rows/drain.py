"""How fast a backlog is delivered once the workers are there, and accepting and delivering at the same time."""

from __future__ import annotations

import time

from proof.bench.bench import GENERATOR, Bench, Runs
from proof.bench.figures import Row, at_least
from proof.bench.floors import Floor

_LAST = "SELECT extract(epoch FROM max(updated_at)) FROM deliveries WHERE status IN ('SENT', 'DELIVERED')"
_FIRST = """
SELECT extract(epoch FROM min(recorded_at)) FROM events
WHERE kind = 'ATTEMPT_STARTED' AND recorded_at >= to_timestamp(%s)
"""


async def null(bench: Bench) -> Row:
    """A LOW backlog to a provider that answers at once: Pulse's own speed."""
    row = Row("drain-null", f"draining {bench.sizes.drain:,} LOW to a provider that answers at once")
    floor = await bench.floors.inserts(bench.suite.plan, bench.sizes, 500)
    await _drain(bench, row, bench.sizes.drain, goal=10_000, floor=floor)
    return row


async def smtp(bench: Bench) -> Row:
    """The same by SMTP, to the sandbox, which answers once an email is on the disk."""
    row = Row("drain-smtp", f"draining {bench.sizes.smtp_drain:,} LOW by SMTP to the sandbox")
    floor = await bench.floors.emails(bench.suite.plan, bench.sizes)
    await _drain(bench, row, bench.sizes.smtp_drain, goal=3_000, floor=floor)
    return row


async def html(bench: Bench) -> Row:
    """The same with HTML beside the text."""
    row = Row("drain-html", f"draining {bench.sizes.smtp_drain:,} LOW with HTML by SMTP to the sandbox")
    floor = await bench.floors.emails(bench.suite.plan, bench.sizes, "html")
    await _drain(bench, row, bench.sizes.smtp_drain, goal=2_400, floor=floor, kind="html")
    return row


async def fcm(bench: Bench) -> Row:
    """Pushes, to the sandbox's FCM, which answers once one is on the disk."""
    row = Row("drain-fcm", f"draining {bench.sizes.push_drain:,} LOW by FCM to the sandbox")
    floor = await bench.floors.pushes(bench.suite.plan, bench.sizes)
    await _drain(bench, row, bench.sizes.push_drain, goal=2_400, floor=floor, kind="push")
    return row


async def _drain(bench: Bench, row: Row, count: int, goal: float, floor: Floor, kind: str = "email") -> None:
    runs = Runs()
    for number in range(1 - bench.sizes.warm_runs, bench.sizes.runs + 1):
        await bench.suite.stop_workers()
        await bench.backlog(count, kind=kind)
        began = time.time()
        await bench.suite.start_workers()
        cost = bench.cost()
        await bench.drain()
        seconds = await first_to_last(bench, began)
        if number > 0:
            runs.note(rate=count / seconds)
            runs.cpu.append(cost.per_thousand(count))
            bench.say(f"run {number}: {count / seconds:,.0f}/s")
    row.figures.append(runs.figure("rate", "delivered", "1/s", at_least(goal), floor))
    row.notes.append("from the first attempt to the last settlement; the workers were started on a waiting backlog")
    runs.cost(row)


async def together(bench: Bench) -> Row:
    """Single sends while the workers deliver them."""
    sizes = bench.sizes
    row = Row("together", f"accepting and delivering at once, single sends, {sizes.in_flight} in flight")
    floors = await bench.floors.echo(sizes)
    runs = Runs()
    for number in range(sizes.runs):
        await bench.load("single", max(sizes.warm, 1))
        await bench.drain()
        cost = bench.cost()
        result = await bench.load("single", sizes.together)
        await bench.drain()
        seconds = float(await bench.suite.scalar(_LAST)) - result.began_ns / 1e9
        runs.note_load(result)
        runs.note(delivered=sizes.together / seconds)
        runs.cpu.append(cost.per_thousand(sizes.together, result.cpu_seconds))
        bench.say(f"run {number + 1}: {sizes.together / seconds:,.0f}/s")
    row.figures += [
        runs.figure("delivered", "accepted and delivered", "1/s", at_least(2_500), floors[0]),
        runs.figure("rate", "accepted", "1/s", None, floors[0]),
        runs.figure("p99", "p99 of accepting", "ms", None, floors[2]),
    ]
    runs.cost(row)
    whole = sum(seconds for name, seconds in row.cpu.items() if name != GENERATOR)
    row.notes.append(f"{whole:.2f} ms of CPU a notification in all processes, accept to sent")
    return row


async def first_to_last(bench: Bench, began: float) -> float:
    """Seconds from the first attempt after ``began`` (s since 1970) to the last settlement of all."""
    return float(await bench.suite.scalar(_LAST)) - float(await bench.suite.scalar(_FIRST, began))
