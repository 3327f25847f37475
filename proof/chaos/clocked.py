"""``python -m proof.chaos.clocked FILE MODULE ARGUMENT…``: runs a role of Pulse with a clock that can be set wrong.

FILE holds by how many seconds the role's clock is ahead; it is read at every question for the time, so that a clock can
jump while its process runs. Without the file the clock is right. Everything else about the role is as it always is.
"""

from __future__ import annotations

import datetime as dt
import runpy
import sys
from pathlib import Path

from shared.clock import SystemClock


def install(offset_file: Path) -> None:
    """Makes every :class:`SystemClock` of this process follow ``offset_file``."""

    def now(_clock: SystemClock) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=offset(offset_file))

    setattr(SystemClock, "now", now)  # noqa: B010 -- a method is replaced on purpose


def offset(file: Path) -> float:
    """Seconds ahead; 0 without a file."""
    try:
        return float(file.read_text())
    except (FileNotFoundError, ValueError):
        return 0.0


if __name__ == "__main__":
    install(Path(sys.argv[1]))
    del sys.argv[:2]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
