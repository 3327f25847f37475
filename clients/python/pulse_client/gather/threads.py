"""Gathering among threads: one of the callers makes the call for all that go in it.

There is no thread in the background. The caller that leads a batch is the one of it that waits longest, so that the
call ends when it gives up itself, and no other's time-out shortens it.
"""

from __future__ import annotations

import contextvars
import os
import threading
from collections.abc import Sequence
from copy import copy
from typing import Protocol, TypeVar

from pulse_client import calls
from pulse_client.errors import PulseError
from pulse_client.gather import waiting
from pulse_client.gather.waiting import Ask, Waiting
from pulse_client.models import Sent
from pulse_client.request import Built

Result = TypeVar("Result")


class MakeCall(Protocol):
    """Makes one call; raises PulseError. ``timeout`` in s; None: it has no end."""

    def __call__(self, call: calls.Call[Result], timeout: float | None) -> Result: ...


class _Ask(Ask):
    """A send whose thread waits."""

    def __init__(self, built: Built, timeout: float | None) -> None:
        super().__init__(built, timeout)
        self.begin()

    def begin(self) -> None:
        """Another try."""
        self.is_over = False
        self.outcome: Sent | PulseError | None = None
        #: What it leads, itself among it; empty: it leads nothing.
        self.batch: list[_Ask] = []
        #: Set when it has an outcome or something to lead.
        self.woken = threading.Event()

    def settle(self, outcome: Sent | PulseError) -> None:
        self.outcome = outcome
        self.woken.set()


class _Line:
    """What waits and what is under way, in one process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.waiting = Waiting[_Ask]()
        self.under_way = 0
        self.closed = threading.Event()

    def appoint(self) -> None:
        """Finds leaders for what can go now. Called with the lock held."""
        while self.under_way < waiting.MOST_IN_FLIGHT and (batch := self.waiting.take()):
            self.under_way += 1
            leader = max(batch, key=lambda ask: ask.ends_at)
            leader.batch = batch
            leader.woken.set()

    def end(self, leader: _Ask) -> None:
        """Its call has ended, or it was interrupted: its batch goes on without it. Called with the lock held."""
        self.waiting.put_back(ask for ask in leader.batch if ask.outcome is None and not ask.is_over)
        leader.batch = []
        self.under_way -= 1
        self.appoint()


class Gatherer:
    """Sends for any number of threads."""

    def __init__(self, call: MakeCall) -> None:
        self._call = call
        #: By process: a child that was forked shares neither locks nor calls with its parent.
        self._lines: dict[int, _Line] = {}

    @property
    def waiting(self) -> int:
        """Sends that no call has taken yet."""
        return len(self._line().waiting)

    def send(self, built: Built, timeout: float | None) -> Sent:
        """The answer to this request; raises PulseError."""
        ask = _Ask(built, timeout)
        while True:
            outcome = self._outcome(ask)
            if isinstance(outcome, Sent):
                return outcome
            if self._line().closed.wait(ask.pause(outcome)):
                raise waiting.closed()
            ask.begin()

    def close(self) -> None:
        """Ends what waits, also to be tried again; what is under way ends with its connection."""
        line = self._line()
        line.closed.set()
        with line.lock:
            ended = line.waiting.clear()
        for ask in ended:
            ask.is_last_try()
            ask.settle(waiting.closed())

    def _line(self) -> _Line:
        return self._lines.get(os.getpid()) or self._lines.setdefault(os.getpid(), _Line())

    def _outcome(self, ask: _Ask) -> Sent | PulseError:
        line = self._line()
        try:
            with line.lock:
                line.waiting.add(ask)
                line.appoint()
            ask.woken.wait(ask.remaining)
            if ask.batch:
                for one, outcome in zip(ask.batch, self._made(ask.batch, ask.remaining), strict=True):
                    one.settle(outcome)
        finally:
            with line.lock:
                ask.is_over = True
                if ask.batch:
                    line.end(ask)
        return waiting.too_late() if ask.outcome is None else ask.outcome

    def _made(self, batch: Sequence[_Ask], timeout: float | None) -> Sequence[Sent | PulseError]:
        """The outcome of each; a call that fails as a whole is everyone's, each as an error of its own."""
        try:
            if waiting.goes_alone([*batch]):
                return [self._call(calls.send(batch[0].built), timeout)]
            # It is nobody's alone: what traces calls does not count it as the leader's.
            gathered = calls.send_batch([ask.built for ask in batch], gathered=True)
            return contextvars.Context().run(self._call, gathered, timeout)
        except PulseError as error:
            for ask in batch:
                ask.is_last_try()
            return [copy(error) for _ in batch]
