"""Starts the workers of one lane: one process, or several under a parent."""

from __future__ import annotations

import sys

from services.delivery.config import DeliverySettings
from services.delivery.worker.ready_file import ReadyFile
from shared.broker import QUEUES
from shared.processes import child as children
from shared.processes import several
from shared.processes.child import Child

USAGE = "usage: python -m services.delivery.worker high|low\n"


def main() -> None:
    """Consumes until a signal ends it; status 2 for a bad setting or argument."""
    child = children.taken_from(sys.argv)
    lane = sys.argv[1].upper() if len(sys.argv) == 2 else ""
    if lane not in QUEUES:
        sys.stderr.write(USAGE)
        raise SystemExit(2)
    settings = DeliverySettings.load_or_exit()
    processes = settings.worker_high_processes if lane == "HIGH" else settings.worker_low_processes
    ready = ReadyFile(settings.home, lane)
    role = several.Role(f"worker-{lane.lower()}", settings, processes, ready=ready)
    several.run(role, child, lambda: _consume(settings, lane, child))


def _consume(settings: DeliverySettings, lane: str, child: Child | None) -> None:
    from services.delivery.worker import worker  # not in the parent of several, which so stays small

    raise SystemExit(worker.consume(settings, lane, child))
