"""What the terminal shows while roles start: a live table, or plain lines where nobody is watching."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence

from rich.console import Console
from rich.live import Live
from rich.table import Table

from services.local.status import State
from services.local.unit import Unit

TICK_S = 0.1

LOOKS = {
    State.STOPPED: "[dim]waiting[/]",
    State.STARTING: "[yellow]starting[/]",
    State.READY: "[green]ready[/]",
    State.DONE: "[green]done[/]",
    State.FAILED: "[bold red]failed[/]",
}


@contextlib.asynccontextmanager
async def shown(units: Sequence[Unit], console: Console) -> AsyncIterator[None]:
    """Shows the units' states until the block ends, the last of them included."""
    watch = _live if console.is_terminal else _plain
    done = asyncio.Event()
    watcher = asyncio.create_task(watch(units, console, done))
    try:
        yield
    finally:
        done.set()
        await watcher


async def _live(units: Sequence[Unit], console: Console, done: asyncio.Event) -> None:
    with Live(_table(units), console=console, auto_refresh=False) as live:
        while not await _ended(done):
            live.update(_table(units), refresh=True)
        live.update(_table(units), refresh=True)


async def _plain(units: Sequence[Unit], console: Console, done: asyncio.Event) -> None:
    told = {unit.role.name: State.STOPPED for unit in units}
    while True:
        last = await _ended(done)
        for unit in units:
            if told[unit.role.name] is not unit.state and unit.state is not State.STOPPED:
                told[unit.role.name] = unit.state
                console.print(f"{unit.role.name:<12} {unit.state:<9} {_elapsed(unit)}", highlight=False)
        if last:
            return


async def _ended(done: asyncio.Event) -> bool:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(done.wait(), TICK_S)
    return done.is_set()


def _table(units: Sequence[Unit]) -> Table:
    table = Table.grid(padding=(0, 2))
    for unit in units:
        table.add_row(unit.role.name, LOOKS.get(unit.state, str(unit.state)), _elapsed(unit))
    return table


def _elapsed(unit: Unit) -> str:
    if unit.state is State.STARTING:
        return f"{time.monotonic() - unit.began_at:.1f} s"
    return f"{unit.took_s:.1f} s" if unit.took_s else ""
