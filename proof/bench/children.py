"""Child processes of a run: none outlives it, however it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

from proof.bench.spec import Result, Spec
from services.local.home import checkout
from services.local.unit import LAUNCHER


class ChildFailed(Exception):
    """A child process ended badly; the text is the end of what it wrote to standard error."""


@contextlib.asynccontextmanager
async def module(*arguments: str) -> AsyncIterator[Process]:
    """Runs ``python -m arguments`` until the block ends; the kernel ends it should this process die."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", LAUNCHER, str(int(signal.SIGKILL)), str(os.getpid())),
        *(sys.executable, "-m", *arguments),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        cwd=checkout(),
        start_new_session=True,
        limit=64 * 1024 * 1024,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def output(*arguments: str, given: str = "", patience_s: float) -> str:
    """What ``python -m arguments`` writes to standard output; raises :class:`ChildFailed`, TimeoutError."""
    async with module(*arguments) as process, asyncio.timeout(patience_s):
        written, complaints = await process.communicate(given.encode())
    if process.returncode:
        raise ChildFailed(f"{arguments[0]}: {complaints.decode(errors='replace')[-2000:]}")
    return written.decode()


async def generate(spec: Spec, patience_s: float) -> Result:
    """Puts a load on, from a process of its own."""
    with tempfile.TemporaryDirectory(prefix="load-") as folder:
        result = Path(folder) / "result.json"
        await output("proof.bench.generator", str(result), given=spec.to_json(), patience_s=patience_s)
        return Result.from_json(result.read_text())
