"""Tells when an event loop stands still: a worker whose loop does nothing must not look alive."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

#: How often the loop is asked, and how long its answer may take until it counts as standing still, s.
ASK_SECONDS = 5.0
PATIENCE_SECONDS = 30.0


class LoopWatch:
    """A thread that asks ``loop`` for a sign of life; ``stands`` and ``moves`` are called in it, by turns."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        stands: Callable[[], None],
        moves: Callable[[], None],
        *,
        ask_seconds: float = ASK_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._loop = loop
        self._stands = stands
        self._moves = moves
        self._ask_seconds = ask_seconds
        self._patience_seconds = patience_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="loop-watch", daemon=True)

    def start(self) -> None:
        """Begins to ask; the loop runs."""
        self._thread.start()

    def stop(self) -> None:
        """Asks no more; before the loop is closed."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._ask_seconds):
            answer = threading.Event()
            self._loop.call_soon_threadsafe(answer.set)
            if self._answered(answer, self._patience_seconds):
                continue
            self._stands()
            while not self._answered(answer, self._patience_seconds):
                if self._stopping.is_set():
                    return
            self._moves()

    def _answered(self, answer: threading.Event, within: float) -> bool:
        """Whether the answer came in time; looks up often, so that stopping need not wait for it."""
        step = min(within, 0.5)
        left = within
        while not answer.wait(step):
            left -= step
            if left <= 0 or self._stopping.is_set():
                return answer.is_set()
        return True
