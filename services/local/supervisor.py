"""Starts roles in the order of their needs, starts again those that die, and stops them in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from services.local import status
from services.local.errors import StartFailed
from services.local.plan import Plan
from services.local.roles import Role
from services.local.status import State
from services.local.unit import Unit
from shared.processes.backoff import Backoff, Delays


class Supervisor:
    """Looks after one run's roles. ``say`` is given a sentence about each thing that happens to a role later on.

    A role that dies is started again after ``restarts`` (None: it is not). ``died`` is told its name and how it ended,
    if it had been ready.
    """

    def __init__(
        self,
        roles: Sequence[Role],
        plan: Plan,
        say: Callable[[str], None],
        *,
        restarts: Callable[[], Delays] | None = Backoff,
        died: Callable[[str, str], None] = lambda _name, _how: None,
    ) -> None:
        self.units = {role.name: Unit(role, plan, self._record) for role in roles}
        self.hurry = asyncio.Event()
        self._plan = plan
        self._say = say
        self._restarts = restarts
        self._died = died
        self._keepers: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Starts all roles, each as soon as those it comes after are ready. Raises :class:`StartFailed` for the
        first that does not start; what was started by then is still there, for :meth:`stop`."""
        started = {name: asyncio.Event() for name in self.units}

        async def start_one(unit: Unit) -> None:
            for name in unit.role.after:
                if name in started:
                    await started[name].wait()
            await unit.start()
            started[unit.role.name].set()

        await _all_or_first_failure([start_one(unit) for unit in self.units.values()])
        for unit in self.units.values():
            self._look_after(unit)

    async def halt(self, name: str) -> None:
        """Stops one role, which stays stopped."""
        await self._release([name])
        await self.units[name].stop(self.hurry)

    async def begin(self, name: str) -> None:
        """Starts one role that does not run; returns when it is ready. Raises :class:`StartFailed`."""
        unit = self.units[name]
        await unit.start()
        self._look_after(unit)

    async def replace(self, role: Role) -> None:
        """Starts ``role``, where none of its name runs; returns when it is ready, or done if it is a step."""
        self.units[role.name] = Unit(role, self._plan, self._record)
        await self.begin(role.name)

    async def release(self) -> None:
        """From now on, what dies stays dead."""
        await self._release(list(self._keepers))

    async def stop(self) -> None:
        """Stops every role once those that use it have stopped."""
        await self.release()
        stopped = {name: asyncio.Event() for name in self.units}

        async def stop_one(unit: Unit) -> None:
            for user in self.units.values():
                if unit.role.name in user.role.uses:
                    await stopped[user.role.name].wait()
            await unit.stop(self.hurry)
            stopped[unit.role.name].set()

        await asyncio.gather(*(stop_one(unit) for unit in self.units.values()))
        self._plan.home.status_file.unlink(missing_ok=True)

    def _look_after(self, unit: Unit) -> None:
        if self._restarts is not None and not unit.role.once:
            self._keepers[unit.role.name] = asyncio.create_task(self._keep(unit, self._restarts()))

    async def _release(self, names: Sequence[str]) -> None:
        keepers = [self._keepers.pop(name) for name in names if name in self._keepers]
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)

    async def _keep(self, unit: Unit, delays: Delays) -> None:
        """Starts a role again whenever it ends, for ever."""
        was_ready = True
        while True:
            how = await unit.until_ended()
            unit.kill()  # children that outlived it would hold its port
            if was_ready:
                self._died(unit.role.name, how)
            delay_s, delays = delays.after(time.monotonic() - unit.started_at)
            unit.become(State.RESTARTING)
            self._say(f"{unit.role.name}: {how}; starting it again in {delay_s:g} s ({self._log(unit)})")
            await asyncio.sleep(delay_s)
            await unit.launch()
            try:
                await unit.until_ready()
            except StartFailed:
                unit.kill()
                was_ready = False
                continue
            was_ready = True
            unit.become(State.READY)
            self._say(f"{unit.role.name} is ready again")

    def _log(self, unit: Unit) -> str:
        return str(self._plan.home.log(unit.role.name))

    def _record(self) -> None:
        # A step is shown until it is done: before, not everything that a caller may count on is there.
        rows = [unit.status() for unit in self.units.values() if not (unit.role.once and unit.state is State.DONE)]
        status.write(self._plan.home.status_file, rows)


async def _all_or_first_failure(works: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Waits for all; on the first exception cancels the others, waits for them to end, and raises it."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
