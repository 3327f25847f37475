"""While PostgreSQL is away, whoever asks is told so at once; and is served again as soon as it is back.

However it is away: it has ended, lets nobody in, or stands still, so that connections stay open and nothing is said.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from proof.planning import make_plan
from services.ledger.config import LedgerSettings
from services.ledger.migrate import migrate
from services.ledger.server import Ledger
from services.local import postgres
from services.local.plan import Plan
from shared.clock import FixedClock
from shared.errors import Code, PulseError
from shared.rpc.channels import open_channel
from tests.ledger.calls import Calls
from tests.ledger.conftest import NOON
from tests.support import servers
from tests.support.waiting import eventually

#: How long anybody may wait to be told, s: two looks that find nothing, and what lies between.
SOON = 6.0
#: Once it is known, s: callers' channels try again for about a second.
AT_ONCE = 3.0


class Server:
    """A PostgreSQL server of the test's own, and the ways in which it goes and comes back."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._running = contextlib.ExitStack()
        self._stopped: list[int] = []
        self.url = ""

    def start(self) -> None:
        self.url = self._running.enter_context(servers.postgres_server(self._plan))

    def end(self) -> None:
        self._running.close()

    def stop(self) -> None:
        """It and all that it runs stand still, and connections stay open."""
        first = int((postgres.folder(self._plan) / "postmaster.pid").read_text().split()[0])
        self._stopped = [first, *children(first)]
        for pid in self._stopped:
            os.kill(pid, signal.SIGSTOP)

    def go_on(self) -> None:
        for pid in self._stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self._stopped = []

    def shut_out(self) -> None:
        """It runs, but lets nobody in."""
        self._let_in(False)

    def let_in(self) -> None:
        self._let_in(True)

    def _let_in(self, allowed: bool) -> None:
        with psycopg.connect(self.url.rpartition("/")[0] + "/postgres", autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE pulse ALLOW_CONNECTIONS {allowed}")
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'pulse'")


def children(parent: int) -> list[int]:
    """Processes whose parent it is."""
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(make_plan(tmp_path))
    made.start()
    migrate(made.url, NOON, weeks_ahead=1)
    yield made
    made.go_on()
    made.end()


@pytest.fixture
async def calls(server: Server, clock: FixedClock) -> AsyncIterator[Calls]:
    """Calls to a ledger with the settings that it has by default, over that server; it stops while that is away."""
    ledger = Ledger(LedgerSettings.load({"PULSE_DATABASE_URL": server.url, "PULSE_LISTEN": "127.0.0.1:0"}), clock)
    await ledger.start()
    async with open_channel(f"127.0.0.1:{ledger.port}") as channel:
        yield Calls(channel, clock)
    await ledger.stop()


async def asked(calls: Calls, ref: Any) -> tuple[list[PulseError | None], float]:
    """What a send, a claim, a read, a list and a look at keys end with, all at once, and how long the slowest took."""
    began = time.monotonic()
    ended = await asyncio.gather(
        calls.recorded(),
        calls.claim(ref),
        calls.get(ref),
        calls.page(),
        calls.lookup(("k", b"f")),
        return_exceptions=True,
    )
    unforeseen = [one for one in ended if isinstance(one, BaseException) and not isinstance(one, PulseError)]
    assert not unforeseen
    return [one if isinstance(one, PulseError) else None for one in ended], time.monotonic() - began


WAYS: dict[str, tuple[Callable[[Server], None], Callable[[Server], None]]] = {
    "ended": (Server.end, Server.start),
    "standing still": (Server.stop, Server.go_on),
    "letting nobody in": (Server.shut_out, Server.let_in),
}


@pytest.mark.parametrize("way", WAYS)
async def test_all_are_told_at_once_and_served_again_when_it_is_back(way: str, calls: Calls, server: Server) -> None:
    go, come = WAYS[way]
    ref = await calls.recorded()
    await asyncio.to_thread(go, server)
    _, took = await asked(calls, ref)
    assert took < SOON
    for _ in range(3):
        told, took = await asked(calls, ref)
        assert {(one.code, one.reason, one.retry_after) for one in told if one} == {
            (Code.UNAVAILABLE, "LEDGER_UNAVAILABLE", 1.0)
        }
        assert None not in told
        assert took < AT_ONCE
    await asyncio.to_thread(come, server)

    async def served() -> bool:
        told, _ = await asked(calls, ref)
        return told == [None] * len(told)

    assert await eventually(served)
