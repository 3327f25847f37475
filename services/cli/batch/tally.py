"""What became of a batch's rows: counts, and a file of those that failed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from pulse_client import PulseError, Sent
from services.cli import output
from services.cli.batch.row import ERROR, Row

#: So many failures are told by themselves; the errors file holds all.
MOST_TOLD = 10


class Tally:
    """Counts rows as they end; ``advance`` is told of each. The errors file is made when there is a first one."""

    def __init__(self, total: int, errors: Path, advance: Callable[[], None]) -> None:
        self._total = total
        self._errors = errors
        self._advance = advance
        self._open = ExitStack()
        self._file: IO[str] | None = None
        self._stopped = ""
        self.failures: list[str] = []
        self._accepted = self._replayed = self._failed = 0

    def __enter__(self) -> Self:
        self._errors.unlink(missing_ok=True)  # what an earlier run could not send says nothing about this one
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()

    @property
    def is_complete(self) -> bool:
        """All rows were accepted, now or before."""
        return self._accepted + self._replayed == self._total

    @property
    def summary(self) -> dict[str, object]:
        """For programs."""
        return {
            "total": self._total,
            "accepted": self._accepted,
            "replayed": self._replayed,
            "failed": self._failed,
            "untried": self._untried,
            "errors": str(self._errors) if self._failed else None,
        }

    @property
    def sentence(self) -> str:
        """For people."""
        told = f"{self._accepted} accepted"
        if self._replayed:
            told += f", {self._replayed} accepted before"
        if self._failed:
            told += f", {self._failed} failed (see {self._errors})"
        if self._stopped:
            told += f", {self._untried} not tried or given up: {self._stopped}"
        return told

    def take(self, row: Row, result: Sent | PulseError) -> None:
        """One row's end."""
        if isinstance(result, PulseError):
            self._failed += 1
            self._write(row, result)
        elif result.replayed:
            self._replayed += 1
        else:
            self._accepted += 1
        self._advance()

    def stop(self, why: str) -> None:
        """The rest is not tried."""
        self._stopped = why

    @property
    def _untried(self) -> int:
        return self._total - self._accepted - self._replayed - self._failed

    def _write(self, row: Row, error: PulseError) -> None:
        """The row as it could be sent again, and why it failed. Readable by its owner alone: it holds addresses."""
        if self._file is None:
            self._errors.touch(mode=0o600)
            self._file = self._open.enter_context(self._errors.open("w", encoding="utf-8", errors="backslashreplace"))
        reason = {"row": row.number, "reason": error.reason, "message": error.message}
        self._file.write(output.to_json({**row.record, ERROR: reason}) + "\n")
        if len(self.failures) < MOST_TOLD:
            self.failures.append(output.printable(f"row {row.number}: {error.reason}: {error.message}"))
