"""A whole Pulse as `make up` runs it, whose workers can be stopped and started, and which can be looked into."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from proof import suite
from proof.bench import records
from proof.bench.children import ChildFailed
from proof.bench.usage import Processes
from proof.planning import make_plan, with_keys
from proof.waiting import until
from services.local.plan import Plan
from services.local.roles import Role
from services.local.status import State

#: Ten tenants, each with a key of its own.
API_KEYS = {f"tenant-{number}": f"bench-key-of-tenant-{number}" for number in range(10)}
TENANT = "tenant-0"
SCOPES = ["send", "read", "templates", "operate"]

LANES = ("high", "low")
#: Between two looks at whether something has come about, s: each look costs what is measured.
LOOK_S = 0.1


#: Settings of a suite, which may name its ports.
SettingsOf = Callable[[Plan], Mapping[str, str]]


class Suite(suite.Suite):
    """A running suite. With ``null`` its workers' providers answer at once; else they call the sandbox."""

    def __init__(self, plan: Plan, *, null: bool) -> None:
        self.null = null
        super().__init__(plan, [_with_null(role) if null else role for role in suite.everyday_roles()])

    async def stop_workers(self, lanes: Sequence[str] = LANES) -> None:
        """Lets them hand back or finish what they hold."""
        await asyncio.gather(*(self.halt(f"worker-{lane}") for lane in lanes))

    async def start_workers(self, lanes: Sequence[str] = LANES) -> None:
        """Starts those that do not run; returns when they consume."""
        names = [f"worker-{lane}" for lane in lanes]
        await asyncio.gather(*(self.begin(name) for name in names if self.units[name].pid is None))

    def check(self) -> None:
        """Raises :class:`ChildFailed` if a role has ended that nobody stopped: what was measured then means nothing."""
        for name, unit in self.units.items():
            if not unit.role.once and unit.pid is None and unit.state is not State.STOPPED:
                raise ChildFailed(f"{name} has ended: {unit.tail()}")

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far, by role."""
        now = Processes()
        return {name: now.cpu_seconds(pid) for name, pid in self._pids()}

    def pss(self) -> dict[str, int]:
        """Memory in bytes by role, shared pages by share."""
        now = Processes()
        return {name: now.pss_bytes(pid) for name, pid in self._pids()}

    def _pids(self) -> list[tuple[str, int]]:
        return [(name, unit.pid) for name, unit in self.units.items() if unit.pid is not None]

    @property
    def grpc(self) -> str:
        return self.plan.ports.address("grpc")

    @property
    def rest(self) -> str:
        return self.plan.ports.address("http")

    def record_file(self, lane: str) -> Path:
        """Where the null provider of a lane's worker writes."""
        return record_file(self.plan, lane)

    def recorded(self, lane: str) -> int:
        """Notifications that lane's null provider was given so far."""
        return records.count(self.record_file(lane))

    async def waiting(self) -> int:
        """Deliveries that are neither sent nor ended."""
        return int(await self.scalar("SELECT count(*) FROM deliveries WHERE due_at IS NOT NULL"))

    async def scalar(self, statement: str, *parameters: Any) -> Any:
        """The first column of the statement's first row."""
        async with self.database() as connection:
            row = await (await connection.execute(statement.encode(), parameters)).fetchone()
        assert row is not None
        return row[0]

    async def until_drained(self, patience_s: float) -> None:
        """Returns once nothing waits; raises TimeoutError, ChildFailed."""
        async with self.database() as connection:

            async def drained() -> bool:
                self.check()
                asked = "SELECT NOT EXISTS (SELECT FROM deliveries WHERE due_at IS NOT NULL)"
                row = await (await connection.execute(asked)).fetchone()
                return bool(row and row[0])

            if not await until(drained, patience_s, LOOK_S):
                raise TimeoutError(f"{await self.waiting()} notifications still wait after {patience_s:g} s")


def record_file(plan: Plan, lane: str) -> Path:
    return plan.home.path / f"null-{lane}.records"


def no_settings(_: Plan) -> Mapping[str, str]:
    """For a suite as it is delivered."""
    return {}


@contextlib.asynccontextmanager
async def running(folder: Path, *, null: bool, settings: SettingsOf) -> AsyncIterator[Suite]:
    """Runs a suite in ``folder``, which is made, until the block ends; ``settings`` are on top of the common ones."""
    plan = await asyncio.to_thread(make_plan, folder, with_keys(folder, API_KEYS, SCOPES))
    plan = dataclasses.replace(plan, base={**plan.base, **settings(plan)})
    async with suite.running(Suite(plan, null=null)) as started:
        yield started


def _with_null(role: Role) -> Role:
    """A worker's role with the null provider; others as they are."""
    prefix, _, lane = role.name.partition("-")
    if prefix != "worker":
        return role

    def command(plan: Plan) -> Sequence[str]:
        return [sys.executable, "-m", "proof.bench.null_worker", lane, str(record_file(plan, lane))]

    return dataclasses.replace(role, command=command)
