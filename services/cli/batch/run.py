"""Sends the rows of a batch: in chunks, waiting out limits, within one patience."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice

import grpc

from pulse_client import Client, PulseError, Sent
from services.cli import output
from services.cli.batch.row import Row

CHUNK = 500
#: Rows that wait at once; beyond them no more are read until some went through.
MOST_WAITING = 10_000
#: The pause before a row is tried again where the gateway names none, and the bounds of what it names, s.
PAUSE_S = 1.0
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 60.0

#: A pause so long is told, s.
TOLD_PAUSE_S = 3.0

#: Nothing more can go through: the rest of the file is not tried.
HOPELESS = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}
#: May pass; when it does not, nothing more can go through either.
ABSENT = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}


class Stopped(Exception):
    """The rest of the file was not tried; ``error`` says why."""

    def __init__(self, error: PulseError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass
class _Waiting:
    row: Row
    since: float
    due: float


class BatchRun:
    """One pass over a file. ``tell`` gets every row's end; ``patience`` is how long one row waits, s."""

    def __init__(
        self,
        client: Client,
        patience: float,
        tell: Callable[[Row, Sent | PulseError], None],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._patience = patience
        self._tell = tell
        self._clock = clock
        self._sleep = sleep
        self._waiting: list[_Waiting] = []
        self._reached = False

    def run(self, rows: Iterable[Row]) -> None:
        """Sends all of them; raises :class:`Stopped`."""
        unsent = iter(rows)
        while chunk := list(islice(unsent, CHUNK)):
            self._send([(row, None) for row in chunk])
            while len(self._waiting) >= MOST_WAITING:
                self._retry()
        while self._waiting:
            self._retry()

    def _retry(self) -> None:
        """Waits for those that are due first, and sends them again."""
        pause = max(0.0, min(waiting.due for waiting in self._waiting) - self._clock())
        if pause >= TOLD_PAUSE_S:
            output.say(f"{len(self._waiting)} waiting for {pause:.0f} s until limits let them through")
        self._sleep(pause)
        now = self._clock()
        due = [waiting for waiting in self._waiting if waiting.due <= now]
        self._waiting = [waiting for waiting in self._waiting if waiting.due > now]
        self._send([(waiting.row, waiting.since) for waiting in due])

    def _send(self, rows: list[tuple[Row, float | None]]) -> None:
        """Sends rows, each with the time since which it waits, if it does."""
        sendable = [(row, since, row.request) for row, since in rows if row.request]
        for row, _ in rows:
            if not row.request:
                self._tell(row, PulseError(grpc.StatusCode.INVALID_ARGUMENT, "BAD_ROW", row.problem))
        results = self._client.send_many((request for _, _, request in sendable), CHUNK)
        for (row, since, _), result in zip(sendable, results, strict=True):
            self._reached = self._reached or isinstance(result, Sent)
            if isinstance(result, Sent) or not self._wait(row, since, result):
                self._tell(row, result)

    def _wait(self, row: Row, since: float | None, error: PulseError) -> bool:
        """Puts a row off if that can help; False if it cannot."""
        if error.code in HOPELESS:
            raise Stopped(error)
        if error.code in ABSENT and not self._reached:
            raise Stopped(error)  # it was never there: more likely a mistake than a mishap
        limited = error.code is grpc.StatusCode.RESOURCE_EXHAUSTED and error.retry_after is not None
        if not limited and error.code not in ABSENT:
            return False
        now = self._clock()
        pause = PAUSE_S if error.retry_after is None else error.retry_after
        waiting = _Waiting(
            row, now if since is None else since, now + min(max(pause, SHORTEST_PAUSE_S), LONGEST_PAUSE_S)
        )
        if waiting.due - waiting.since <= self._patience:
            self._waiting.append(waiting)
            return True
        if error.code in ABSENT:
            raise Stopped(error)
        return False
