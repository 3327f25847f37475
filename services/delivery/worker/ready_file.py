"""How a worker shows that it consumes: by a file, or, one of several, to its parent, which has the file."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import Future
from pathlib import Path

from shared.processes.child import Child


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


class ToldReady:
    """As :class:`ReadyFile`, told to the parent for as long as ``loop`` runs."""

    def __init__(self, child: Child, loop: asyncio.AbstractEventLoop) -> None:
        self._child = child
        self._loop = loop
        self._following: Future[None] | None = None

    def prepare(self) -> None:
        """Nothing: no file is this process's own."""

    def write(self) -> None:
        """It consumes."""
        if self._following is None:
            self._following = asyncio.run_coroutine_threadsafe(self._child.follow(), self._loop)

    def remove(self) -> None:
        """It consumes no more."""
        if self._following is not None:
            self._following.cancel()
        self._child.tell_leaving()
