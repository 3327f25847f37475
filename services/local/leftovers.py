"""Processes that an earlier run left behind, found by their mark and ended.

The kernel ends a role when its supervisor dies (``launch.py``), but not a role's own children, and
not everywhere. Whoever holds the home's lock may be sure that no other run owns what is found here.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from services.local.errors import LocalError
from services.local.home import Home
from services.local.plan import MARK
from services.local.status import is_alive

POLL_S = 0.02
#: After so long without success it is given up, seconds.
PATIENCE_S = 10.0


def end(home: Home) -> int:
    """Ends all processes of an earlier run in ``home`` and clears its pid files; returns how many there were.

    Raises :class:`LocalError` when some cannot be ended.
    """
    found = list(_of_run(home))
    deadline = time.monotonic() + PATIENCE_S
    # PostgreSQL's parent takes its children along when asked to quit; killed, it would leave them to notice.
    for pid in found:
        _send(pid, signal.SIGQUIT if _works_in(pid, home.data / "postgres") else signal.SIGKILL)
    while any(is_alive(pid) for pid in found):
        if time.monotonic() > deadline:
            alive = ", ".join(str(pid) for pid in found if is_alive(pid))
            raise LocalError(f"an earlier run left processes behind that do not end: {alive}")
        time.sleep(POLL_S)
    for stale in (*home.run.glob("*.pid"), *home.run.glob("*.ready")):
        if stale != home.lock_file:
            stale.unlink(missing_ok=True)
    return len(found)


def _of_run(home: Home) -> Iterator[int]:
    mark = f"{MARK}=".encode()
    place = f"PULSE_HOME={home.path}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        if pid == os.getpid() or not is_alive(pid):
            continue
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
        except OSError:  # gone, or somebody else's
            continue
        marked = place in variables and any(variable.startswith(mark) for variable in variables)
        if marked or _works_in(pid, home.data / "postgres"):
            yield pid


def _works_in(pid: int, folder: Path) -> bool:
    """PostgreSQL overwrites its environment with its title, but always works in its data folder."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == folder and Path(f"/proc/{pid}/exe").readlink().name == "postgres"
    except OSError:
        return False


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
