"""A place among a role's several processes, and the child that has it now."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence

from shared.observe.logs import logger
from shared.processes.child import ALIVE, FIGURES, LEAVING, argument

#: A child that serves and shows no sign of life for so long is ended, s.
PATIENCE_SECONDS = 30.0

log = logger(__name__)
_lives = itertools.count(1)


class Member:
    """Starts a child with ``command`` and hears from it. ``changed`` is called when it begins or ceases to serve."""

    def __init__(
        self,
        number: int,
        command: Sequence[str],
        environment: Mapping[str, str],
        changed: Callable[[], None],
        *,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self.number = number
        #: Whether the child of now serves.
        self.serves = False
        #: Whether it ever did.
        self.served = False
        #: The child of now, told apart from those before it, and the port its figures are at; None: it has none yet.
        self.figures: tuple[int, int] | None = None
        self._command = command
        self._environment = environment
        self._changed = changed
        self._patience = patience
        self._process: asyncio.subprocess.Process | None = None
        self._started_at = 0.0
        self._is_ending = False

    @property
    def pid(self) -> int | None:
        """Of the child of now; None: there is none."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    @property
    def age(self) -> float:
        """How long ago the child of now was started, s."""
        return time.monotonic() - self._started_at

    async def live(self) -> int:
        """Starts a child and returns its status when it has ended; negative: the signal that ended it.

        Raises OSError if the machine cannot start one.
        """
        self.served = False
        self._started_at = time.monotonic()
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self._process = await asyncio.create_subprocess_exec(
                    *self._command,
                    argument(self.number, theirs.fileno()),
                    env=self._environment,
                    pass_fds=[theirs.fileno()],
                )
        except BaseException:
            ours.close()
            raise
        if self._is_ending:
            self.tell_to_end()
        hearing = asyncio.create_task(self._hear(ours, next(_lives), self._process))
        try:
            return await self._process.wait()
        finally:
            hearing.cancel()
            self.figures = None
            self._serve(False)

    def tell_to_end(self) -> None:
        """Has the child end as it would by itself, one that is just being started too; returns at once."""
        self._is_ending = True
        self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def _hear(self, ours: socket.socket, life: int, process: asyncio.subprocess.Process) -> None:
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        try:
            while line := await self._line(reader):
                word, _, rest = line.decode().strip().partition(" ")
                if word == FIGURES:
                    self.figures = (life, int(rest))
                elif word in (ALIVE, LEAVING):
                    self._serve(word == ALIVE)
        except TimeoutError:
            log.error("a process stands still and is ended", process=self.number, pid=process.pid)
            self._signal(signal.SIGKILL)
        finally:
            writer.close()

    async def _line(self, reader: asyncio.StreamReader) -> bytes:
        """What the child says next; TimeoutError if it serves and is silent. How long a start may take is its own.

        Waits in two halves: where it was this process that stood still, or all of them, the first is over at once.
        """
        half = self._patience / 2 if self.serves else None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(half):
                return await reader.readline()
        async with asyncio.timeout(half):
            return await reader.readline()

    def _serve(self, yes: bool) -> None:
        if yes != self.serves:
            self.serves = yes
            self.served = self.served or yes
            self._changed()
