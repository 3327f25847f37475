"""``python -m proof.bench``: measures Pulse on this machine, prints a table, and writes JSON and a plot."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from proof.bench import plot, report
from proof.bench.figures import Row
from proof.bench.run import NAMES, run
from proof.bench.sizes import SHORT, Sizes
from services.local.home import checkout


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m proof.bench", description=__doc__)
    parser.add_argument("--rows", nargs="+", choices=NAMES, default=NAMES, metavar="ROW", help=" ".join(NAMES))
    parser.add_argument("--short", action="store_true", help="tiny counts, one run each: shows that all rows work")
    parser.add_argument("--runs", type=int, help="timed runs of each row")
    parser.add_argument("--ledger-rows", type=int, help="history of the row ledger-size, notifications")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the large counts")
    parser.add_argument("--output", type=Path, default=checkout() / "build" / "bench", help="folder for the results")
    parser.add_argument("--home", type=Path, help="folder that keeps the suites' data and logs; else they are removed")
    parser.add_argument("--profile", action="store_true", help="flame graphs of Pulse's processes while a row runs")
    return parser.parse_args(given)


def sizes_of(options: argparse.Namespace) -> Sizes:
    """The sizes that the options ask for."""
    sizes = SHORT if options.short else Sizes()
    changes: dict[str, int] = {}
    if options.scale != 1.0:
        drains = ("drain", "smtp_drain", "push_drain")
        sends = ("single", "rest", "gather", "batch", "together")
        counts = (*sends, *drains, "high_backlog", "flood", "waiting", "through")
        changes |= {name: max(1, int(getattr(sizes, name) * options.scale)) for name in counts}
    if options.runs:
        changes["runs"] = options.runs
    if options.ledger_rows:
        changes["rows"] = options.ledger_rows
    return dataclasses.replace(sizes, **changes)


async def main(options: argparse.Namespace) -> int:
    """The exit status: 0 if every row could be measured; whether goals are met does not decide."""
    _stop_by_signal()
    sizes = sizes_of(options)
    options.output.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    with contextlib.ExitStack() as stack:
        temporary = tempfile.TemporaryDirectory(prefix="home-", dir=options.output, ignore_cleanup_errors=True)
        home = options.home or Path(stack.enter_context(temporary))
        try:
            profile = options.output if options.profile else None
            async with contextlib.aclosing(run(home, options.rows, sizes, say, profile)) as found:
                async for row in found:
                    rows.append(row)
                    say(report.lines(row))
        finally:
            if rows:
                say(report.table(rows))
                (options.output / "bench.txt").write_text(report.table(rows) + "\n")
                (options.output / "bench.json").write_text(report.as_json(rows, sizes))
                plot.draw(rows, options.output / "bench.svg")
                say(f"Written to {options.output}: bench.txt, bench.json, bench.svg")
    return 1 if any(row.failed for row in rows) else 0


def _stop_by_signal() -> None:
    """Ctrl-C, SIGTERM and SIGHUP end a run in order: what was started is ended, what was measured is written."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)


def say(text: str) -> None:
    """At once, on standard output."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main(arguments())))
    except asyncio.CancelledError:
        sys.exit("stopped")
