"""A Pulse of one's own, under the supervisor that `make up` uses: what bench, chaos and the tests of upgrades start."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psycopg

from services.local.plan import Plan
from services.local.roles import ROLES, Role
from services.local.supervisor import Supervisor
from services.local.unit import Unit
from shared.processes.backoff import Delays

#: Of a laptop's roles: templates and keys to begin with. A proof brings its own.
LEFT_OUT = frozenset({"seed", "first-key"})


class Suite:
    """Roles that are started, replaced and ended one by one or together; and ways to look into them.

    Those that die are started again after ``restarts``; None: they stay dead.
    """

    def __init__(self, plan: Plan, roles: Sequence[Role], restarts: Callable[[], Delays] | None = None) -> None:
        self.plan = plan
        self.roles = {role.name: role for role in roles}
        self._supervisor = Supervisor(roles, plan, lambda _: None, restarts=restarts, died=self.died)

    @property
    def units(self) -> dict[str, Unit]:
        """Their processes, by role."""
        return self._supervisor.units

    def died(self, name: str, how: str) -> None:
        """Called when a role that was ready has ended although nobody ended it in order."""

    async def start(self) -> None:
        """Returns when everything is ready; raises StartFailed."""
        await self._supervisor.start()

    async def stop(self) -> None:
        """Ends everything at once, as nothing in it is needed any more; PostgreSQL in order, as it shares memory."""
        await self._supervisor.release()
        for name, unit in self.units.items():
            self.send(name, signal.SIGCONT)
            if not name.startswith("postgres"):
                unit.kill()
        await asyncio.gather(*(unit.stop(asyncio.Event()) for unit in self.units.values()))

    async def add(self, role: Role) -> None:
        """Starts another role, or a step; returns when it is ready, or done."""
        self.roles[role.name] = role
        await self._supervisor.replace(role)

    async def replace(self, name: str, role: Role | None = None) -> None:
        """Ends a role in order and starts it again, as ``role`` if given, else as it was at first."""
        await self._supervisor.halt(name)
        await self._supervisor.replace(role or self.roles[name])

    async def halt(self, name: str) -> None:
        """Ends a role in order; nothing starts it again but :meth:`begin`."""
        await self._supervisor.halt(name)

    async def begin(self, name: str) -> None:
        """Starts a role that was halted; returns when it is ready."""
        await self._supervisor.begin(name)

    def send(self, name: str, number: signal.Signals) -> None:
        """Sends a signal to a role's process and its children; nothing if it does not run."""
        pid = self.units[name].pid if name in self.units else None
        if pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, number)

    @property
    def database_url(self) -> str:
        """Where its ledger's rows are, past the ledger."""
        return self.plan.database_url()

    @contextlib.asynccontextmanager
    async def database(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """A connection past the ledger."""
        connection = await psycopg.AsyncConnection.connect(self.database_url, autocommit=True, connect_timeout=3)
        async with connection:
            yield connection

    async def sandbox(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """A call to the sandbox's API."""
        async with httpx.AsyncClient(base_url=f"http://{self.plan.ports.address('sandbox')}", timeout=10) as client:
            return (await client.request(method, path, **arguments)).raise_for_status()

    @property
    def receipt_log(self) -> Path:
        """The providers' own log."""
        return self.plan.home.data / "sandbox" / "receipts.jsonl"


SuiteT = TypeVar("SuiteT", bound=Suite)


@contextlib.asynccontextmanager
async def running(suite: SuiteT) -> AsyncIterator[SuiteT]:
    """Runs a suite until the block ends; then nothing of it is left."""
    try:
        await suite.start()
        yield suite
    finally:
        await asyncio.shield(suite.stop())


def everyday_roles() -> list[Role]:
    """A laptop's roles, without templates and keys to begin with."""
    return [role for role in ROLES if role.name not in LEFT_OUT]
