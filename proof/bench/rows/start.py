"""How long `make up` takes to the first accepted send: by itself, not by :mod:`proof.suite`, as it is what is timed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

from proof.bench.bench import Runs
from proof.bench.children import ChildFailed
from proof.bench.figures import Row, at_most
from proof.bench.sizes import Sizes
from proof.planning import ANY_PORTS, make_plan
from pulse_client import AsyncClient, PulseError
from services.local.home import checkout
from shared.config import base_environment

_PAUSE_S = 0.05
_STOP_S = 40.0


async def start(folder: Path, sizes: Sizes) -> Row:
    """In an empty folder, which includes making the database cluster; and in one that was used before."""
    row = Row("start", "`make up` to the first accepted send")
    runs = Runs()
    for _ in range(sizes.runs):
        home = folder / f"start-{uuid.uuid4().hex[:8]}"
        runs.note(first=await _seconds(home, sizes), again=await _seconds(home, sizes))
    row.figures += [
        runs.figure("first", "first start, in an empty folder", "s", at_most(10)),
        runs.figure("again", "later start", "s", at_most(10)),
    ]
    return row


async def _seconds(home: Path, sizes: Sizes) -> float:
    plan = make_plan(home)
    ports = {f"PULSE_{name}_PORT": str(getattr(plan.ports, name.lower())) for name in _names()}
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *_command(),
        env={**_inherited(), **ports, "PULSE_HOME": str(home)},
        cwd=checkout(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(sizes.patience_s):
            await _until_accepted(plan.ports.address("grpc"), process)
        return time.monotonic() - began
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGTERM)
        async with asyncio.timeout(_STOP_S):
            await process.wait()


def _names() -> list[str]:
    return [key.removeprefix("PULSE_").removesuffix("_PORT") for key in ANY_PORTS]


def _command() -> list[str]:
    """As people start it, if this runs in the environment that `make` would use; else the last step alone.

    `make up` brings its environment up to date, and nobody else's must be touched.
    """
    own = checkout() / ".venv"
    is_own = not own.is_symlink() and Path(sys.prefix) == own
    return ["make", "up"] if is_own else [sys.executable, "-m", "services", "up"]


def _inherited() -> Mapping[str, str]:
    """Without what a `make` around this one left for its children."""
    return {key: value for key, value in base_environment().items() if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}


async def _until_accepted(address: str, process: asyncio.subprocess.Process) -> None:
    context = {"name": "Ann"}
    async with AsyncClient(address, timeout=1.0) as client:
        while True:
            try:
                await client.send(user_id="u", template="welcome_email", to="a@example.com", context=context)
                return
            except PulseError:
                if process.returncode is not None:
                    raise ChildFailed(f"`{' '.join(_command())}` ended with status {process.returncode}") from None
                await asyncio.sleep(_PAUSE_S)
