"""Starts roles in the order of their needs, starts again those that die, and stops them in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from services.local import status
from services.local.backoff import Backoff
from services.local.errors import StartFailed
from services.local.plan import Plan
from services.local.roles import Role
from services.local.status import State
from services.local.unit import Unit


class Supervisor:
    """Looks after one run's roles. ``say`` is given a sentence about each thing that happens to a role later on."""

    def __init__(self, roles: Sequence[Role], plan: Plan, say: Callable[[str], None]) -> None:
        self.units = {role.name: Unit(role, plan, self._record) for role in roles}
        self.hurry = asyncio.Event()
        self._plan = plan
        self._say = say
        self._keepers: list[asyncio.Task[None]] = []

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
        self._keepers = [asyncio.create_task(self._keep(u)) for u in self.units.values() if not u.role.once]

    async def stop(self) -> None:
        """Stops every role once those that use it have stopped."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        stopped = {name: asyncio.Event() for name in self.units}

        async def stop_one(unit: Unit) -> None:
            for user in self.units.values():
                if unit.role.name in user.role.uses:
                    await stopped[user.role.name].wait()
            await unit.stop(self.hurry)
            stopped[unit.role.name].set()

        await asyncio.gather(*(stop_one(unit) for unit in self.units.values()))
        self._plan.home.status_file.unlink(missing_ok=True)

    async def _keep(self, unit: Unit) -> None:
        """Starts a role again whenever it ends, for ever."""
        backoff = Backoff()
        while True:
            how = await unit.until_ended()
            unit.kill()  # children that outlived it would hold its port
            delay_s, backoff = backoff.after(time.monotonic() - unit.started_at)
            unit.become(State.RESTARTING)
            self._say(f"{unit.role.name}: {how}; starting it again in {delay_s:g} s ({self._log(unit)})")
            await asyncio.sleep(delay_s)
            await unit.launch()
            try:
                await unit.until_ready()
            except StartFailed:
                unit.kill()
                continue
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
