"""What has been tried, told as it goes, and kept."""

from __future__ import annotations

import time
from collections.abc import Callable

from proof.kubernetes.commands import Failed, say


class Record:
    """``steps`` has what each step saw, by its name; ``failed`` the names of those that failed."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.steps: dict[str, str] = {}
        self.failed: list[str] = []

    def step(self, what: str, do: Callable[[], object]) -> None:
        """Does it, and tells what it saw; a failure is told, and the next step follows."""
        try:
            self.must(what, do)
        except Failed:
            return

    def must(self, what: str, do: Callable[[], object]) -> None:
        """The same for a step that others rest on; raises :class:`Failed`."""
        say(f"[{self._clock()}] {what}")
        began = time.monotonic()
        try:
            seen = do()
        except Failed as failed:
            self.failed.append(what)
            self._keep(what, f"FAILED after {time.monotonic() - began:.0f} s: {failed}")
            raise
        self._keep(what, str(seen) if seen is not None else f"{time.monotonic() - began:.0f} s")

    def _keep(self, what: str, text: str) -> None:
        self.steps[what] = text
        for line in text.splitlines():
            say(f"        {line}")

    def _clock(self) -> str:
        seconds = int(time.monotonic() - self._began)
        return f"{seconds // 60:3}:{seconds % 60:02}"
