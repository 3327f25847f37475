"""A program that is ``pulse up`` with PostgreSQL, Valkey and one stand-in role that has a child."""

from __future__ import annotations

import sys

from services.local import probes, up
from services.local.config import LocalSettings
from services.local.roles import POSTGRES, VALKEY, Role

WORKER = """
import os, pathlib, signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
print("child", child.pid, flush=True)
pathlib.Path(os.environ["PULSE_HOME"], "run", "worker-low.ready").write_text(str(os.getpid()))
signal.pause()
"""

STAND_IN = Role(
    "worker-low",
    lambda _plan: [sys.executable, "-c", WORKER],
    lambda plan: probes.ready_file(plan.home.ready_file("worker-low")),
    after=("valkey",),
    uses=("valkey",),
)

if __name__ == "__main__":
    sys.exit(up.run(LocalSettings.load_or_exit(), [POSTGRES, VALKEY, STAND_IN]))
