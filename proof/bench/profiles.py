"""Flame graphs of Pulse's own processes, by py-spy."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from proof.bench.suite import Suite

#: Processes whose time is Python's.
ROLES = ("gateway", "router", "ledger", "worker-high", "worker-low")
#: Samples a second: enough for a row of seconds, and few enough to change little. Each stops the process for a moment,
#: without which coroutines' stacks could not be told; and only who holds the interpreter counts, not who waits.
RATE = 200


@contextlib.asynccontextmanager
async def recorded(suite: Suite, folder: Path | None) -> AsyncIterator[None]:
    """Samples while the block runs and writes ``<role>.svg`` into ``folder``; nothing without a folder.

    A worker that is stopped in the block is recorded up to then.
    """
    if folder is None:
        yield
        return
    program = shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if program is None:
        raise FileNotFoundError("py-spy is missing; `make bench` installs it")
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    spies = [
        await asyncio.create_subprocess_exec(
            *(program, "record", "--pid", str(suite.units[role].pid), "--rate", str(RATE)),
            *("--duration", "unlimited", "--gil", "--output", str(folder / f"{role}.svg")),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        for role in ROLES
    ]
    try:
        yield
    finally:
        for spy in spies:
            with contextlib.suppress(ProcessLookupError):
                spy.send_signal(signal.SIGINT)
        await asyncio.gather(*(spy.wait() for spy in spies))
