"""A whole Pulse that is there to be broken: its processes, its links, and the ways to look into it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import signal
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import redis.asyncio

from proof import suite
from proof.chaos import table
from proof.chaos.arrangement import Arrangement
from proof.chaos.profiles import Profile
from proof.chaos.proxy import Link
from proof.planning import make_plan, with_keys
from proof.waiting import until
from services.local.plan import Plan
from services.local.status import State
from services.local.unit import Unit

#: Who may send: two tenants, so that one could be seen in the other's rows.
API_KEYS = {"acme": "chaos-key-of-acme", "globex": "chaos-key-of-globex"}
SCOPES = ["send", "read", "templates", "operate", "keys"]
#: Between a death and the next start, s.
RESTART_S = 0.3


class Restarts:
    """The delay does not grow, as deaths are the rule here."""

    def after(self, uptime_s: float) -> tuple[float, Restarts]:
        return RESTART_S, self


class Suite(suite.Suite):
    """A running suite. ``deaths`` lists roles that ended although no fault ended them."""

    def __init__(self, plan: Plan, profile: Profile, arrangement: type[Arrangement] = Arrangement) -> None:
        self.profile = profile
        self.links = table.make_links(plan.ports)
        self.arrangement = arrangement(plan)
        self.deaths: list[str] = []
        self._condemned: set[str] = set()
        super().__init__(plan, self.arrangement.roles(table.make_roles(self.links)), Restarts)

    async def start(self) -> None:
        for link in self.links.values():
            await link.start()
        await super().start()

    async def stop(self) -> None:
        await super().stop()
        for link in self.links.values():
            await link.stop()

    def died(self, name: str, how: str) -> None:
        if name not in self._condemned:
            self.deaths.append(f"{name}: {how}")

    @property
    def database_url(self) -> str:
        return self.arrangement.database_url

    def kill(self, names: Iterable[str], number: signal.Signals = signal.SIGKILL) -> None:
        """Ends roles by a signal; they are started again."""
        for name in names:
            self.condemn(name)
            self.send(name, number)

    def condemn(self, name: str) -> None:
        """Says that a role's deaths, until :meth:`pardon`, are a fault's doing."""
        self._condemned.add(name)

    def pardon(self) -> None:
        """From now on whatever dies does so by itself."""
        self._condemned.clear()

    async def until_ready(self) -> None:
        """Returns when every role answers its probe; raises TimeoutError."""
        patience_s = self.arrangement.ready_s
        for unit in self.units.values():
            if not unit.role.once and not await until(functools.partial(self._answers, unit), patience_s):
                raise TimeoutError(f"{unit.role.name} is not ready")

    @contextlib.asynccontextmanager
    async def valkey(self, number: int = 1) -> AsyncIterator[Any]:
        """A client of the broker's database (1) or the limits' (0), past all links."""
        client = redis.asyncio.Redis.from_url(self.plan.redis_url(number), socket_timeout=3)
        async with client:
            yield client

    def link(self, name: str) -> Link:
        return self.links[name]

    async def _answers(self, unit: Unit) -> bool:
        return unit.state is State.READY and unit.pid is not None and await unit.role.probe(self.plan)(unit.pid)


@contextlib.asynccontextmanager
async def running(folder: Path, profile: Profile, arrangement: type[Arrangement] = Arrangement) -> AsyncIterator[Suite]:
    """Runs a suite in ``folder``, which is made, until the block ends."""
    settings = {
        **profile.environment,
        **with_keys(folder, API_KEYS, SCOPES),
        "PULSE_EVENT_NETWORKS": "127.0.0.0/8",
        "PULSE_SANDBOX_CALLBACKS": "on",
        "PULSE_SANDBOX_CALLBACK_DELAY_MS": "300",
    }
    patience = {"stop_seconds": profile.drain_s + 2, "ready_seconds": arrangement.ready_s}
    plan = await asyncio.to_thread(make_plan, folder, settings, **patience)
    async with suite.running(Suite(plan, profile, arrangement)) as started:
        yield started


def now() -> float:
    """Seconds since 1970: the clock that ledger and sandbox write down, too."""
    return time.time()
