"""The file by which a local run sees that a worker consumes."""

from __future__ import annotations

import os
from pathlib import Path


class ReadyFile:
    """``<home>/run/worker-<lane>.ready``, with the worker's process id in it."""

    def __init__(self, home: str, lane: str) -> None:
        self._path = Path(home) / "run" / f"worker-{lane.lower()}.ready"

    def prepare(self) -> None:
        """Makes its folder, and removes what one that was killed left: a volume may outlive its container."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self.remove()

    def write(self) -> None:
        """A reader sees the whole file or none."""
        draft = self._path.with_suffix(f".{os.getpid()}.draft")
        draft.write_text(f"{os.getpid()}\n", encoding="ascii")
        draft.replace(self._path)

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)
