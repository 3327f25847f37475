"""One line for every request that comes in from outside: what was asked, how it ended, how long it took, whose it was.

It is written by hand, in the form of all other lines (``logs``): structlog would cost several times what the
rules at the door cost together. Lines are gathered for a moment and written at once.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Callable
from contextvars import ContextVar

from pydantic_core import to_json

from shared.observe import tracing

#: How long a line may wait to be written, s.
_PAUSE = 0.05

Notes = dict[str, str | float]

_notes: ContextVar[Notes | None] = ContextVar("request_notes", default=None)


def note(name: str, value: str) -> None:
    """Has the current request's line say this too: an id or another closed word, never personal data."""
    notes = _notes.get()
    if notes is not None and value:
        notes[name] = value


class RequestLog:
    """Writes lines with ``write``, a stream's, for the process called ``role``; as long as INFO is logged at all.

    ``process`` is its number where it is one of several of its role.
    """

    def __init__(self, role: str, write: Callable[[str], object], process: int | None = None) -> None:
        self._whose: dict[str, object] = {"role": role} if process is None else {"role": role, "process": process}
        self._write = write
        self._lines: list[bytes] = []
        self._root = logging.getLogger()

    def begin(self) -> None:
        """The current task's request has come in."""
        _notes.set({})

    def end(self, method: str, code: str, seconds: float) -> None:
        """It ended with the gRPC status called ``code``."""
        if not self._root.isEnabledFor(logging.INFO):
            return
        span = tracing.current()
        line: dict[str, object] = {
            **self._whose,
            "event": "request",
            "level": "info",
            "timestamp": dt.datetime.now(dt.UTC),
            "method": method,
            "code": code,
            "ms": round(seconds * 1000, 2),
        }
        if span is not None:
            line["trace_id"] = span.traceparent[3:35]
        line |= _notes.get() or {}
        if not self._lines:
            asyncio.get_running_loop().call_later(_PAUSE, self.flush)
        self._lines.append(to_json(line))

    def flush(self) -> None:
        """Writes what waits."""
        lines, self._lines = self._lines, []
        if lines:
            self._write(b"\n".join([*lines, b""]).decode())
