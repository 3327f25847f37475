"""PostgreSQL with a synchronous standby, which takes over when the primary is lost."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from proof.chaos.arrangement import Arrangement, told
from proof.chaos.faults import Fault, with_children
from proof.chaos.findings import Violation
from proof.waiting import until
from services.local import postgres, probes, wheels
from services.local.errors import StartFailed
from services.local.home import Home
from services.local.plan import Plan
from services.local.ports import HOST, any_free
from services.local.roles import Role
from shared.config import base_environment

STANDBY = "postgres-standby"
#: Beside a laptop's settings, for both.
REPLICATED = {"wal_level": "replica", "max_wal_senders": "5", "hot_standby": "on", "wal_receiver_status_interval": "1s"}
#: Of the primary alone: what it commits, any one standby has on its disk.
SYNCHRONOUS = {"synchronous_standby_names": "*"}
#: From the loss of the primary to the promotion: whoever decides on it waits for a while, s.
NOTICE_S = 1.0
#: Longest wait for the standby to be in step, and for its promotion, s.
PATIENCE_S = 20.0

IN_STEP = "SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum') AND state = 'streaming'"
PROMOTE = "SELECT pg_promote(true, %s::int)"
STALE = "SELECT pg_is_in_recovery(), count(*) FROM notifications WHERE created_at > to_timestamp(%s)"


class PostgresPair(Arrangement):
    """A primary and its standby; the ledger has one URL that names both."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        port = any_free(set(dataclasses.asdict(plan.ports).values()))
        #: The standby as a run of its own: its data and its log lie beside the primary's.
        self.standby = dataclasses.replace(
            plan,
            home=Home(plan.home.path / "standby"),
            ports=dataclasses.replace(plan.ports, postgres=port),
        )

    def roles(self, roles: Sequence[Role]) -> list[Role]:
        url = {"PULSE_DATABASE_URL": self.database_url}
        changed = []
        for role in roles:
            if role.name == "postgres":
                changed += [_with_settings(role, {**REPLICATED, **SYNCHRONOUS}), self._standby_role(role)]
            elif role.name == "migrate":
                changed.append(dataclasses.replace(told(role, url), after=(STANDBY,)))
            else:
                changed.append(told(role, url) if role.name == "ledger" else role)
        return changed

    @property
    def database_url(self) -> str:
        both = f"{self.plan.ports.address('postgres')},{self.standby.ports.address('postgres')}"
        return self.plan.database_url(address=both) + "?target_session_attrs=read-write"

    async def ask(self, which: Plan, query: str, *values: object) -> Any:
        """The first row that one of the two answers with, whether it takes writes or not."""
        # The standby has the primary's password: it is its copy.
        url = self.plan.database_url(address=which.ports.address("postgres"))
        async with await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=3) as connection:
            return await (await connection.execute(query, values)).fetchone()

    def stand_by(self) -> None:
        """Has the old primary come back as a server that only reads, whatever it has missed."""
        (postgres.folder(self.plan) / "standby.signal").touch()

    def _standby_role(self, primary: Role) -> Role:
        there = self.standby
        return dataclasses.replace(
            primary,
            name=STANDBY,
            command=lambda _plan: [*postgres.command(there), *_options(REPLICATED)],
            probe=lambda _plan: probes.succeeds(postgres.is_ready_command(there), there.ports.postgres),
            port="",
            after=("postgres",),
            prepare=lambda _plan: self._copy(),
        )

    def _copy(self) -> None:
        """Makes the standby out of a base backup; it follows the primary from then on."""
        folder = postgres.folder(self.standby)
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        primary = f"host={HOST} port={self.plan.ports.postgres} user={postgres.USER} dbname={postgres.DATABASE}"
        program = str(wheels.postgres_program("pg_basebackup"))
        how = ["--pgdata", str(folder), "--write-recovery-conf", "--checkpoint=fast", "--dbname", primary]
        done = subprocess.run(
            [*postgres.as_plain_user(), program, *how],
            env={**base_environment(), "PGPASSWORD": self.plan.home.secret("postgres")},
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise StartFailed(STANDBY, done.stderr.decode(errors="replace"))


class PostgresFailover(Fault):
    """kill -9 of the primary, with all its processes; the standby is promoted; the old primary comes back, stale."""

    name = "postgres-failover"

    @property
    def lasts_s(self) -> float:
        return 4.0

    async def prepare(self) -> None:
        if not await until(self._in_step, PATIENCE_S):
            raise TimeoutError("the standby is not synchronous, so that nothing would be tried")

    async def strike(self) -> None:
        self._pair.stand_by()
        self.suite.condemn("postgres")
        for pid in with_children(self.suite.units["postgres"].pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._lost_at = time.time()
        await asyncio.sleep(NOTICE_S)
        began = time.monotonic()
        await self._pair.ask(self._pair.standby, PROMOTE, PATIENCE_S)
        self.what = f"promoted {NOTICE_S:g} s after the loss, in {time.monotonic() - began:.2f} s"

    async def aftermath(self) -> list[Violation]:
        """The old primary is there again, takes no writes, and has none of what came after its loss."""
        only_reads, later = await self._pair.ask(self._pair.plan, STALE, self._lost_at)
        if only_reads and not later:
            return []
        return [Violation("I1", "stale", "old primary", f"only reads: {only_reads}, rows after its loss: {later}")]

    async def _in_step(self) -> bool:
        return bool((await self._pair.ask(self._pair.plan, IN_STEP))[0] > 0)

    @property
    def _pair(self) -> PostgresPair:
        assert isinstance(self.suite.arrangement, PostgresPair)
        return self.suite.arrangement


def _with_settings(role: Role, settings: Mapping[str, str]) -> Role:
    command = role.command
    return dataclasses.replace(role, command=lambda plan: [*command(plan), *_options(settings)])


def _options(settings: Mapping[str, str]) -> list[str]:
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
