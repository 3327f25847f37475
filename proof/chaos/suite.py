"""A whole Pulse that is there to be broken: its processes, its links, and the ways to look into it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import hashlib
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx
import psycopg
import redis.asyncio

from proof.chaos import table
from proof.chaos.arrangement import Arrangement
from proof.chaos.profiles import Profile
from proof.chaos.proxy import Link
from proof.waiting import until
from services.local.errors import StartFailed
from services.local.plan import Plan
from services.local.roles import Role
from services.local.status import State
from services.local.unit import Unit
from tests.support.servers import make_plan

#: Who may send: two tenants, so that one could be seen in the other's rows.
API_KEYS = {"acme": "chaos-key-of-acme", "globex": "chaos-key-of-globex"}
#: Between a death and the next start, s.
RESTART_S = 0.3


class Suite:
    """A running suite. ``deaths`` lists roles that ended although no fault ended them."""

    def __init__(self, plan: Plan, profile: Profile, arrangement: type[Arrangement] = Arrangement) -> None:
        self.plan = plan
        self.profile = profile
        self.links = table.make_links(plan.ports)
        self.arrangement = arrangement(plan)
        self.roles = {role.name: role for role in self.arrangement.roles(table.make_roles(self.links))}
        self.units = {name: Unit(role, plan, lambda: None) for name, role in self.roles.items()}
        self.deaths: list[str] = []
        self._condemned: set[str] = set()
        self._versions: dict[str, Unit] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Returns when everything is ready; raises StartFailed."""
        for link in self.links.values():
            await link.start()
        started = {name: asyncio.Event() for name in self.units}

        async def start_one(unit: Unit) -> None:
            for name in unit.role.after:
                await started[name].wait()
            await unit.start()
            started[unit.role.name].set()

        async with asyncio.TaskGroup() as group:
            for unit in self.units.values():
                group.create_task(start_one(unit))
        for name, unit in self.units.items():
            if not unit.role.once:
                self._keepers[name] = asyncio.create_task(self._keep(unit))

    async def stop(self) -> None:
        """Ends everything, in no order: nothing in it is needed any more."""
        for keeper in self._keepers.values():
            keeper.cancel()
        await asyncio.gather(*self._keepers.values(), return_exceptions=True)
        for unit in [*self.units.values(), *self._versions.values()]:
            self.send(unit.role.name, signal.SIGCONT)
        hurry = asyncio.Event()
        stops = [unit.stop(hurry) for name, unit in self.units.items() if name.startswith("postgres")]
        for name, unit in [*self.units.items(), *self._versions.items()]:
            if not name.startswith("postgres"):
                unit.kill()
        await asyncio.gather(*stops)
        for link in self.links.values():
            await link.stop()

    def send(self, name: str, number: signal.Signals) -> None:
        """Sends a signal to a role's process and its children; nothing if it does not run."""
        pid = self.units[name].pid if name in self.units else None
        if pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, number)

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

    async def replace(self, name: str, role: Role | None) -> None:
        """Ends a role in order and starts it again, as ``role`` if given, else as itself."""
        unit = self.units[name]
        self._keepers[name].cancel()
        await asyncio.gather(self._keepers[name], return_exceptions=True)
        await unit.stop(asyncio.Event())
        self.units[name] = Unit(role or self.roles[name], self.plan, lambda: None)
        await self.units[name].start()
        self._keepers[name] = asyncio.create_task(self._keep(self.units[name]))

    async def until_ready(self) -> None:
        """Returns when every role answers its probe; raises TimeoutError."""
        patience_s = self.arrangement.ready_s
        for unit in self.units.values():
            if not unit.role.once and not await until(functools.partial(self._answers, unit), patience_s):
                raise TimeoutError(f"{unit.role.name} is not ready")

    @contextlib.asynccontextmanager
    async def database(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """A connection past all links."""
        url = self.arrangement.database_url
        connection = await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=3)
        async with connection:
            yield connection

    @contextlib.asynccontextmanager
    async def valkey(self, number: int = 1) -> AsyncIterator[Any]:
        """A client of the broker's database (1) or the limits' (0), past all links."""
        client = redis.asyncio.Redis.from_url(self.plan.redis_url(number), socket_timeout=3)
        async with client:
            yield client

    async def sandbox(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """A call to the sandbox's API, past all links."""
        async with httpx.AsyncClient(base_url=f"http://{self.plan.ports.address('sandbox')}", timeout=5) as client:
            return (await client.request(method, path, **arguments)).raise_for_status()

    @property
    def receipt_log(self) -> Path:
        return self.plan.home.data / "sandbox" / "receipts.jsonl"

    def link(self, name: str) -> Link:
        return self.links[name]

    async def _answers(self, unit: Unit) -> bool:
        return unit.state is State.READY and unit.pid is not None and await unit.role.probe(self.plan)(unit.pid)

    async def _keep(self, unit: Unit) -> None:
        """Starts a role again whenever it ends; the delay does not grow, as deaths are the rule here."""
        while True:
            how = await unit.until_ended()
            if unit.role.name not in self._condemned:
                self.deaths.append(f"{unit.role.name}: {how}")
            unit.kill()
            unit.become(State.RESTARTING)
            while True:
                await asyncio.sleep(RESTART_S)
                await unit.launch()
                try:
                    await unit.until_ready()
                    break
                except StartFailed:
                    unit.kill()
            unit.become(State.READY)


@contextlib.asynccontextmanager
async def running(folder: Path, profile: Profile, arrangement: type[Arrangement] = Arrangement) -> AsyncIterator[Suite]:
    """Runs a suite in ``folder``, which is made, until the block ends."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    plan = make_plan(folder)
    plan = dataclasses.replace(
        plan,
        base={**plan.base, **_settings(folder, profile)},
        stop_seconds=profile.drain_s + 2,
        ready_seconds=arrangement.ready_s,
    )
    suite = Suite(plan, profile, arrangement)
    try:
        await suite.start()
        yield suite
    finally:
        await suite.stop()


def _settings(folder: Path, profile: Profile) -> Mapping[str, str]:
    return {
        **profile.environment,
        "PULSE_AUTH": "required",
        "PULSE_GATEWAY_API_KEYS_FILE": str(key_file(folder)),
        "PULSE_SANDBOX_CALLBACKS": "on",
        "PULSE_SANDBOX_CALLBACK_DELAY_MS": "300",
    }


def key_file(folder: Path) -> Path:
    """Writes the tenants' keys down in ``folder``, as a gateway reads them; the file."""
    keys = [
        {"tenant": tenant, "name": "chaos", "sha256": hashlib.sha256(key.encode()).hexdigest(), "scopes": SCOPES}
        for tenant, key in API_KEYS.items()
    ]
    file = folder / "keys.json"
    file.write_text(json.dumps(keys))
    return file


SCOPES = ["send", "read", "templates", "operate", "keys"]


def now() -> float:
    """Seconds since 1970: the clock that ledger and sandbox write down, too."""
    return time.time()
