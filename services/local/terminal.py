"""The terminal, which may go away while roles run."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from rich.console import Console


class Terminal(Console):
    """A console whose closing (a hang-up, a pipe to ``head``) silences it and disturbs nothing else."""

    def print(self, *objects: Any, **options: Any) -> None:
        """As rich prints; what cannot be shown any more is dropped."""
        try:
            super().print(*objects, **options)
        except OSError:
            self._let_go()

    def on_broken_pipe(self) -> None:
        """Rich would end the process here, and with it the chance to stop its roles in order."""
        self._let_go()

    def _let_go(self) -> None:
        """What Python still holds for it goes nowhere: to fail with that at its end would be the run's exit status."""
        self.quiet = True
        with contextlib.suppress(OSError, ValueError):  # not every file is one of the system's
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.file.fileno())
            os.close(nowhere)
