"""The parent of a role's several processes: starts them, starts anew what died, and ends them together."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence

from shared.observe.logs import logger
from shared.processes.backoff import Backoff, Delays
from shared.processes.member import Member

log = logger(__name__)


class Parent:
    """Runs ``count`` children of one role, each started with ``command``.

    The first is started alone, so that what keeps the role from starting is said once. A child that dies is started
    again after a pause that grows; but one that ends before it served, while no other serves, ends the role with its
    status: whoever watches over the role then knows that it does not serve. ``tell_ready`` is told when the role begins
    to serve, with one child or more, and when it ceases to.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        count: int,
        *,
        tell_ready: Callable[[bool], None] = lambda _: None,
        history: Delays | None = None,
    ) -> None:
        self.members = [Member(number + 1, command, environment, self._changed) for number in range(count)]
        self._tell_ready = tell_ready
        self._history = history or Backoff()
        self._is_ready = asyncio.Event()
        self._stopping = asyncio.Event()
        self._status = 0

    async def run(self) -> int:
        """Returns the role's exit status, when SIGTERM or SIGINT was passed on and all children have ended."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        first, *others = self.members
        keeping = [asyncio.create_task(self._keep(first))]
        await _either(self._is_ready, self._stopping)
        keeping += [asyncio.create_task(self._keep(member)) for member in others]
        await asyncio.gather(*keeping)
        return self._status

    async def _keep(self, member: Member) -> None:
        history = self._history
        while not self._stopping.is_set():
            status = await _life(member)
            if self._stopping.is_set():
                self._note(status)
                return
            if not member.served and not self._is_ready.is_set():
                self._note(status or 1)
                self._stop()
                return
            pause, history = history.after(member.age)
            log.error("a process ended and is started again", process=member.number, status=status, pause_seconds=pause)
            await _either(self._stopping, within=pause)

    def _note(self, status: int) -> None:
        """The role's status is the first that is no success; to be ended by the signal that was passed on is one."""
        if status not in (0, -signal.SIGTERM, -signal.SIGINT):
            self._status = self._status or (status if status > 0 else 128 - status)

    def _stop(self) -> None:
        self._stopping.set()
        for member in self.members:
            member.tell_to_end()

    def _changed(self) -> None:
        ready = any(member.serves for member in self.members)
        if ready != self._is_ready.is_set():
            (self._is_ready.set if ready else self._is_ready.clear)()
            self._tell_ready(ready)


async def _life(member: Member) -> int:
    """The status of a child when it has ended; one that cannot be started has done so at once."""
    try:
        return await member.live()
    except OSError as error:
        log.error("a process cannot be started", process=member.number, reason=error.strerror)
        return 1


async def _either(*events: asyncio.Event, within: float | None = None) -> None:
    """Returns once one of them is set, or after ``within`` s."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    await asyncio.wait(waits, timeout=within, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
