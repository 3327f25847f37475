"""One run of the benchmark: suites, and rows on them, one after the other."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import NamedTuple

from proof.bench import profiles
from proof.bench.bench import Bench, make_templates
from proof.bench.figures import Row
from proof.bench.floors import Floors
from proof.bench.rows import accept, drain, failover, fairness, ledger_size, memory, processes, start, urgent, watches
from proof.bench.sizes import Sizes
from proof.bench.suite import SettingsOf, no_settings, running
from services.local.errors import StartFailed

RowOf = Callable[[Bench], Awaitable[Row]]
Say = Callable[[str], None]

#: With providers that answer at once.
ON_NULL: Mapping[str, RowOf] = {
    "accept-grpc": accept.single,
    "accept-rest": accept.rest,
    "accept-gather": accept.gather,
    "accept-batch": accept.batch,
    "drain-null": drain.null,
    "together": drain.together,
    "high": urgent.high,
    "fairness": fairness.fairness,
    "memory-growth": memory.growth,
    "memory-through": memory.through,
    "memory-watches": watches.memory,
}
#: The same on a ledger that is empty at first.
ON_EMPTY: Mapping[str, RowOf] = {"ledger-size": ledger_size.ledger_size}
#: With the product's own providers, which call the sandbox.
ON_SANDBOX: Mapping[str, RowOf] = {
    "memory-rest": memory.at_rest,
    "drain-smtp": drain.smtp,
    "drain-html": drain.html,
    "drain-fcm": drain.fcm,
}
#: The same with two providers of email.
ON_TWO: Mapping[str, RowOf] = {"failover": failover.failover}
START, PROCESSES = "start", "accept-processes"

NAMES = [START, *ON_SANDBOX, *ON_TWO, *ON_NULL, *ON_EMPTY, PROCESSES]


class Stage(NamedTuple):
    """A suite and the rows that are measured on it."""

    name: str
    rows: Mapping[str, RowOf]
    null: bool = False
    settings: SettingsOf = no_settings


STAGES = (
    Stage("sandbox", ON_SANDBOX),
    Stage("two-providers", ON_TWO, settings=failover.two_providers),
    Stage("null", ON_NULL, null=True),
    Stage("empty", ON_EMPTY, null=True),
)


async def run(
    home: Path, wanted: Collection[str], sizes: Sizes, say: Say, profile: Path | None = None
) -> AsyncGenerator[Row, None]:
    """Gives each row as it is done. A row that fails says so; those after it are measured all the same.

    With ``profile``, flame graphs of each row go to that folder.
    """
    if START in wanted:
        say(f"== {START}")
        yield await _guarded(START, start.start(home, sizes))
    floors = Floors()
    for stage in STAGES:
        chosen = {name: row for name, row in stage.rows.items() if name in wanted}
        if not chosen:
            continue
        try:
            async with aclosing(_staged(stage, chosen, home, sizes, say, floors, profile)) as found:
                async for row in found:
                    yield row
        except StartFailed as failure:
            yield Row(stage.name, stage.name, failed=f"{failure}\n{failure.tail}")
    if PROCESSES in wanted:
        say(f"== {PROCESSES}")
        yield await _guarded(PROCESSES, processes.growth(home, sizes, say, floors))


async def _staged(
    stage: Stage,
    rows: Mapping[str, RowOf],
    home: Path,
    sizes: Sizes,
    say: Say,
    floors: Floors,
    profile: Path | None,
) -> AsyncGenerator[Row, None]:
    say(f"starting a suite: {stage.name}")
    async with running(home / stage.name, null=stage.null, settings=stage.settings) as suite:
        await make_templates(suite.grpc)
        bench = Bench(suite, sizes, say, floors)
        for name, row in rows.items():
            say(f"== {name}")
            async with profiles.recorded(suite, profile and profile / name):
                found = await _guarded(name, row(bench))
            if found.failed:
                await suite.start_workers()  # it may have stopped them
            yield found


async def _guarded(name: str, work: Awaitable[Row]) -> Row:
    began = time.monotonic()
    try:
        row = await work
    except Exception as error:  # one row's failure is its own; the run's exit status tells
        row = Row(name, name, failed=f"{type(error).__name__}: {error}")
    row.seconds = time.monotonic() - began
    return row
