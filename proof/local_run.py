"""A Pulse that `pulse up` runs in a process of its own, as on a laptop: what is tried is that program, too.

:mod:`proof.suite` runs its roles from this process instead.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proof.planning import ANY_PORTS
from proof.waiting import wait_until
from services.local.home import checkout
from shared.config import base_environment

#: Longest time for one command, and for the start and the end of all roles, s.
COMMAND_S, START_S, STOP_S = 120, 90, 40


class Ended(Exception):
    """`pulse up` ended by itself, or badly; the text is the end of what it said."""


@dataclass(frozen=True)
class LocalRun:
    """What runs in ``home``; ``pid`` is that of `pulse up`."""

    home: Path
    pid: int

    def roles(self) -> dict[str, dict[str, Any]]:
        """`pulse status --json`, by role."""
        return {role["role"]: role for role in json.loads(pulse(self.home, "status", "--json").stdout)}

    def address(self, role: str) -> str:
        """Where the role listens, host:port."""
        return str(self.roles()[role]["address"])


def pulse(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs `pulse` against what runs in ``home``."""
    return subprocess.run(
        [sys.executable, "-m", "services", *arguments],
        env={**base_environment(), "PULSE_HOME": str(home), **environment},
        cwd=checkout(),
        capture_output=True,
        text=True,
        timeout=COMMAND_S,
        check=False,
    )


@contextlib.contextmanager
def running(home: Path, **environment: str) -> Iterator[LocalRun]:
    """Runs `pulse up` in ``home`` until the block ends; then nothing of it is left. Raises :class:`Ended`."""
    home.mkdir(parents=True, exist_ok=True)
    output = home / "up.log"
    with output.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "services", "up"],
            env={**base_environment(), **ANY_PORTS, "PULSE_HOME": str(home), **environment},
            cwd=checkout(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(lambda: process.poll() is not None or pulse(home, "status").returncode == 0, timeout=START_S)
        if process.poll() is not None:
            raise Ended(output.read_text())
        yield LocalRun(home, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        if process.wait(STOP_S) != 0:
            raise Ended(output.read_text()[-2000:])
