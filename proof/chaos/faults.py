"""Faults that strike a suite's processes and links: one class each, struck and healed by a cell."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import resource
import signal
from pathlib import Path

from proof.chaos import old_version, table
from proof.chaos.findings import Violation
from proof.chaos.phases import Phase
from proof.chaos.window import Window

EVERYWHERE = ("worker-high", "worker-low", "worker-high-2", "worker-low-2", "router")
#: A file may grow to here while the disk is "full", bytes: less than any of PostgreSQL's that is worth writing to.
FULL_AT = 64 * 1024
#: What the broker may hold while its memory is "full", bytes.
MEMORY = 1


class Fault:
    """Something that goes wrong. One instance serves one cell."""

    name = ""

    def __init__(self, window: Window, phase: Phase, chance: random.Random) -> None:
        self.window = window
        self.suite = window.suite
        self.phase = phase
        self.chance = chance
        #: What it was in this cell, for the report.
        self.what = ""

    @property
    def lasts_s(self) -> float:
        """From the strike to the healing, s."""
        return 0.5

    async def prepare(self) -> None:
        """What the strike needs to be there, while everything still works."""

    async def strike(self) -> None:
        raise NotImplementedError

    async def heal(self) -> None:
        """Ends it; what it broke is repaired by Pulse or by its supervisor, not here."""

    async def aftermath(self) -> list[Violation]:
        """What of the fault's own concern was broken, once the cell is at rest."""
        return []


class Kill(Fault):
    """kill -9 of one role at work in the phase, or of every worker and the router at once."""

    name = "kill"

    async def strike(self) -> None:
        alone = self.chance.choice(self.phase.roles)
        victims = self.chance.choice([(alone,), EVERYWHERE])
        if alone in table.WORKERS and victims == (alone,):
            victims = (alone, f"{alone}-2")
        self.what = "+".join(victims)
        self.suite.kill(victims)


class Freeze(Fault):
    """SIGSTOP for longer than the lease, then SIGCONT: whoever wakes up believes that no time has passed."""

    name = "freeze"

    @property
    def lasts_s(self) -> float:
        return self.suite.profile.lease_s + 0.5

    async def strike(self) -> None:
        self.what = self.chance.choice(self.phase.roles)
        self.suite.send(self.what, signal.SIGSTOP)

    async def heal(self) -> None:
        self.suite.send(self.what, signal.SIGCONT)


class DatabaseCrash(Fault):
    """PostgreSQL ends without a checkpoint, or one of its backends is killed: either way it recovers from its log."""

    name = "database"

    async def strike(self) -> None:
        self.what = self.chance.choice(("immediate", "backend"))
        if self.what == "immediate":
            self.suite.kill(["postgres"], signal.SIGQUIT)
            return
        async with self.suite.database() as connection:
            query = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'pulse-ledger%' LIMIT 1"
            found = await (await connection.execute(query)).fetchone()
        if found is not None:
            os.kill(found[0], signal.SIGKILL)


class BrokerWiped(Fault):
    """FLUSHALL, alone or with a restart."""

    name = "broker"

    async def strike(self) -> None:
        self.what = self.chance.choice(("FLUSHALL", "FLUSHALL and restart"))
        async with self.suite.valkey() as client:
            await client.flushall()
        if self.what != "FLUSHALL":
            self.suite.kill(["valkey"])


class Partition(Fault):
    """The phase's links lose everything without a word; when the network is back, the old connections are reset."""

    name = "partition"

    @property
    def lasts_s(self) -> float:
        return self.suite.profile.call_s + 1.0

    async def strike(self) -> None:
        self.what = "+".join(self.phase.chosen)
        for name in self.phase.chosen:
            self.suite.link(name).silence()

    async def heal(self) -> None:
        for link in self.suite.links.values():
            link.mend()


class Reset(Fault):
    """Every connection of the phase's links is reset, three times in a row."""

    name = "reset"

    async def strike(self) -> None:
        self.what = "+".join(self.phase.chosen)
        for _ in range(3):
            for name in self.phase.chosen:
                self.suite.link(name).reset()
                self.suite.link(name).release()
            await asyncio.sleep(0.1)


class WrongClock(Fault):
    """The clock of one role jumps by an hour, either way, and later back."""

    name = "clock"

    @property
    def lasts_s(self) -> float:
        return 2.0

    async def strike(self) -> None:
        role = self.chance.choice(("gateway", "router", "ledger", "delivery", "worker-high", "worker-low"))
        hours = self.chance.choice((-1, 1))
        self.what = f"{role} {hours:+d} h"
        table.clock_file(self.suite.plan, role).write_text(str(3600 * hours))

    async def heal(self) -> None:
        for file in self.suite.plan.home.run.glob("*.clock"):
            file.unlink()


class ClockAhead(WrongClock):
    """The ledger's clock jumps sixty days ahead, while it keeps house every second, and later back."""

    name = "ahead"
    days = 60

    async def strike(self) -> None:
        self.what = f"ledger {self.days:+d} days"
        table.clock_file(self.suite.plan, "ledger").write_text(str(24 * 3600 * self.days))


class ClockBack(ClockAhead):
    """As :class:`ClockAhead`, the other way."""

    name = "back"
    days = -60


class NoRoom(Fault):
    """The broker's memory is full, or PostgreSQL's disk is: its files may not grow, by a limit of its processes."""

    name = "full"

    @property
    def lasts_s(self) -> float:
        return 1.5

    async def strike(self) -> None:
        self.what = self.chance.choice(("broker's memory", "database's disk"))
        if self.what == "broker's memory":
            async with self.suite.valkey() as client:
                await client.config_set("maxmemory", MEMORY)
        else:
            self.suite.condemn("postgres")  # it gives up rather than lose what it promised, and recovers
            self._limit_files(FULL_AT)

    async def heal(self) -> None:
        if self.what == "broker's memory":
            async with self.suite.valkey() as client:
                await client.config_set("maxmemory", 0)
        else:
            self._limit_files(resource.RLIM_INFINITY)

    def _limit_files(self, size: int) -> None:
        for pid in with_children(self.suite.units["postgres"].pid):
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


class VersionBeside(Fault):
    """Version N beside N+1: further workers of N, and one role of N in place of its successor, and back."""

    name = "version"

    async def strike(self) -> None:
        root = await asyncio.to_thread(old_version.unpack, self.suite.plan.home.path / "version-n")
        role = self.chance.choice(("gateway", "router", "ledger", "delivery"))
        self.what = f"workers and {role}"
        self._release_all()
        await asyncio.gather(
            *(self._swap(name, root) for name in ("worker-high-2", "worker-low-2")), self._swap(role, root)
        )

    async def heal(self) -> None:
        names = [name for name, unit in self.suite.units.items() if unit.role is not self.suite.roles[name]]
        await asyncio.gather(*(self.suite.replace(name, None) for name in names))

    def _release_all(self) -> None:
        """A role that drains waits for its peers: they must not be held back for ever."""
        for link in self.suite.links.values():
            link.release()

    async def _swap(self, name: str, root: Path) -> None:
        await self.suite.replace(name, table.of_version(self.suite.roles[name], root))


def with_children(pid: int | None) -> list[int]:
    """A process and its children, as Linux lists them."""
    if pid is None:
        return []
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [pid, *map(int, listed.read_text().split())] if listed.exists() else []
