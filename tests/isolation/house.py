"""House: a running suite where two tenants live, and the process of the one who misbehaves."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psycopg

from proof.bench.fill import fill
from proof.chaos.driver import TEMPLATE, make_template
from proof.chaos.profiles import SHORT
from proof.chaos.suite import API_KEYS, SCOPES
from proof.planning import with_keys
from proof.waiting import until
from services.local.home import checkout
from shared.config import base_environment
from tests.e2e.suite import Suite, running
from tests.isolation.memory import TOLD, Memory
from tests.isolation.scene import Target

#: Who misbehaves, and who must not notice.
ATTACKER, NEIGHBOUR = API_KEYS
#: Emails that the attacker has sent before all tests.
HISTORY = 30_000


@dataclass(frozen=True)
class House:
    """Where everybody is met."""

    suite: Suite
    target: Target
    pids: Mapping[str, int]
    attacker: subprocess.Popen[str]

    @property
    def receipt_log(self) -> Path:
        """The providers' own log."""
        return self.suite.home / "data" / "sandbox" / "receipts.jsonl"

    def memory(self) -> Memory:
        """Memory of the processes that an attack could blow up, from now on."""
        return Memory(self.pids)

    @contextlib.asynccontextmanager
    async def attack(self, name: str, told: dict[str, int]) -> AsyncIterator[None]:
        """Within the block the attack is at work; what it was told is added to ``told``."""
        await asyncio.to_thread(self._order, f"go {name}")
        try:
            yield
        finally:
            answer = json.loads(await asyncio.to_thread(self._order, "rest"))
            assert not answer["broken"], answer["broken"]
            for reason, count in answer["told"].items():
                told[reason] = told.get(reason, 0) + count

    def _order(self, line: str) -> str:
        assert self.attacker.stdin is not None and self.attacker.stdout is not None
        self.attacker.stdin.write(f"{line}\n")
        self.attacker.stdin.flush()
        return self.attacker.stdout.readline()


async def _furnish(suite: Suite, target: Target) -> None:
    """The tenants' templates, and a long history of the attacker's: a table in which what is looked for is rare."""
    await make_template(suite.grpc_address)
    email = {"user_id": "exemplar", "template_name": TEMPLATE, "to": "e@example.com", "context": {"name": "Ann"}}
    async with target.client() as client:
        sent = (await client.post("/v1/notifications", json=email)).raise_for_status().json()["notification_id"]

        async def ended() -> bool:
            return bool((await client.get(f"/v1/notifications/{sent}")).json()["status"] == "SENT")

        assert await until(ended, 20.0)
    await fill(lambda: connected(suite), sent, HISTORY, dt.datetime.now(dt.UTC), lambda _: None)


@contextlib.asynccontextmanager
async def connected(suite: Suite) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """A connection to the database, past the ledger."""
    # A command tells where it is, which takes a while: others that connect here must not wait for it.
    url = await asyncio.to_thread(suite.database_url)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        yield connection


@contextlib.contextmanager
def inhabited(folder: Path) -> Iterator[House]:
    """Runs a suite in ``folder``, which is there, with the tenants' templates and keys, until the block ends."""
    settings = {**SHORT.environment, **with_keys(folder, API_KEYS, SCOPES)}
    with running(folder / "home", **settings) as suite:
        roles = suite.roles()
        target = Target(suite.grpc_address, roles["envoy"]["address"], roles["sandbox"]["address"], API_KEYS[ATTACKER])
        asyncio.run(_furnish(suite, target))
        with subprocess.Popen(
            [sys.executable, "-m", "tests.isolation.attacker", json.dumps(asdict(target))],
            env=base_environment(),
            cwd=checkout(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as attacker:
            try:
                yield House(suite, target, {role: roles[role]["pid"] for role in TOLD}, attacker)
            finally:
                attacker.kill()
