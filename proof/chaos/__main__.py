"""``python -m proof.chaos``: runs cells of the matrix, prints a line for each, and writes a report."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from proof.chaos import matrix, report
from proof.chaos.arrangement import Arrangement
from proof.chaos.cell import Cell, Result, judge_again, run
from proof.chaos.driver import make_template
from proof.chaos.failover import parts
from proof.chaos.profiles import PROFILES
from proof.chaos.suite import running


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m proof.chaos", description=__doc__)
    parser.add_argument(
        "--cells", nargs="+", default=["*"], help="names as fault@phase or part-failover@load, with wildcards"
    )
    parser.add_argument("--quick", action="store_true", help=f"only {' '.join(matrix.QUICK)}")
    parser.add_argument("--seeds", type=int, default=5, help="runs of each cell, each from a seed of its own")
    parser.add_argument("--first-seed", type=int, default=1, help="the first of them; a seed replays a run")
    parser.add_argument("--notifications", type=int, default=180, help="in each run, about")
    parser.add_argument("--profile", choices=PROFILES, default="short", help="the suite's settings")
    parser.add_argument("--suites", type=int, default=1, help="suites at once; each takes a cell after the other")
    parser.add_argument("--report", type=Path, help="file for the report in JSON")
    parser.add_argument("--home", type=Path, help="folder that keeps the suites' data and logs; else they are removed")
    return parser.parse_args(given)


async def chaos(options: argparse.Namespace) -> int:
    """The exit status: 0 if nothing was violated."""
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    patterns = matrix.QUICK if options.quick else options.cells
    cells = matrix.cells(patterns, seeds)
    waiting = list(reversed(cells))
    done: list[list[Result]] = []
    with contextlib.ExitStack() as stack:
        home = options.home or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pulse-chaos-")))
        async with asyncio.TaskGroup() as group:
            for number in range(min(options.suites, len(cells))):
                group.create_task(_work(home / f"suite-{number}", waiting, done, options))
        not_run = await _fail_over(home, parts.cells(patterns, seeds), done, options)
    found = report.as_json(done, PROFILES[options.profile], not_run)
    if options.report:
        options.report.write_text(json.dumps(found, indent=1, ensure_ascii=False))
    say(json.dumps(found["totals"], ensure_ascii=False))
    return 1 if found["totals"]["violations"] else 0


async def _work(folder: Path, waiting: list[list[Cell]], done: list[list[Result]], options: argparse.Namespace) -> None:
    """One suite, and cell after cell on it."""
    async with running(folder, PROFILES[options.profile]) as suite:
        await make_template(suite.link("client").address)
        own: list[Result] = []
        while waiting:
            results = [await run(suite, cell, options.notifications) for cell in waiting.pop()]
            say(report.line(results))
            done.append(results)
            own += results
        sound = [result for result in own if not result.verdict.violations]
        await judge_again(suite, own)
        for result in sound:
            if result.verdict.violations:
                say(f"later: {report.line([result])}")


async def _fail_over(
    home: Path, cells: list[list[Cell]], done: list[list[Result]], options: argparse.Namespace
) -> dict[str, str]:
    """Cells in which a part fails over, each run in a suite of its own; why some were not run, by their name."""
    not_run = {}
    for runs in cells:
        name, arrangement = runs[0].name, parts.PARTS[runs[0].fault]
        if missing := arrangement.missing():
            not_run[name] = f"{missing} is not installed"
            say(f"{name:<13} not run: {not_run[name]}")
            continue
        done.append([await _alone(home / f"{name}-{cell.seed}", cell, arrangement, options) for cell in runs])
        say(report.line(done[-1]))
    return not_run


async def _alone(folder: Path, cell: Cell, arrangement: type[Arrangement], options: argparse.Namespace) -> Result:
    """One cell, on a suite that is made for it."""
    async with running(folder, PROFILES[options.profile], arrangement) as suite:
        await make_template(suite.link("client").address)
        result = await run(suite, cell, options.notifications)
        await judge_again(suite, [result])
        return result


def say(text: str) -> None:
    """One line, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(asyncio.run(chaos(arguments())))
