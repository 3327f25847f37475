"""The terminal, which may go away while roles run."""

from __future__ import annotations

from typing import Any

from rich.console import Console


class Terminal(Console):
    """A console whose closing (a hang-up, a pipe to ``head``) silences it and disturbs nothing else."""

    def print(self, *objects: Any, **options: Any) -> None:
        """As rich prints; what cannot be shown any more is dropped."""
        try:
            super().print(*objects, **options)
        except OSError:
            self.quiet = True

    def on_broken_pipe(self) -> None:
        """Rich would end the process here, and with it the chance to stop its roles in order."""
        self.quiet = True
