"""Runs the control: real Valkey, the real sandbox, real Celery workers, and a fault in mid-load."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import redis.asyncio
from celery import Celery

from proof import suite
from proof.chaos import gathering
from proof.chaos.checker import Verdict, check
from proof.chaos.evidence import Event, Evidence, Receipt, Row, Rules
from proof.chaos.journal import Acknowledgement, Journal
from proof.chaos.load import Ask, Load
from proof.planning import make_plan
from proof.waiting import until
from services.local.plan import Plan
from services.local.roles import SANDBOX, VALKEY, Role

#: Once no receipt came for so long, none will, s: more than its retries wait.
QUIET_S = 1.5
#: Longest wait for its worker, s.
PATIENCE_S = 30.0
#: How long a provider's call takes, ms: so that the fault finds some under way.
CALL_MS = 50


class Control(suite.Suite):
    """A running control; it has no role that starts it again."""

    async def kill_and_restart(self, name: str) -> None:
        """kill -9 of a role and all its children, then a new start."""
        unit = self.units[name]
        assert unit.pid is not None
        os.killpg(unit.pid, signal.SIGKILL)
        await unit.until_ended()
        await unit.launch()

    async def flush(self) -> None:
        """FLUSHALL."""
        async with self._broker() as client:
            await client.flushall()

    async def waiting(self) -> int:
        """Tasks that no worker has taken."""
        async with self._broker() as client:
            return int(await client.llen("celery"))

    async def workers(self) -> int:
        """Clients that wait for a task or may be about to: those that a worker has open."""
        async with self._broker() as client:
            return sum(one["cmd"] == "brpop" for one in await client.client_list())

    def _broker(self) -> Any:
        return redis.asyncio.Redis.from_url(self.plan.redis_url(1))


def worker() -> Role:
    """One Celery worker with two child processes; ready as soon as it runs: it takes what comes before."""
    command = [sys.executable, "-m", "celery", "-A", "proof.chaos.control.sender", "worker", "-c", "2", "-l", "WARNING"]
    return Role(
        "worker",
        lambda _plan: command,
        lambda _plan: _runs,
        after=("valkey", "sandbox"),
        environment=lambda plan: {"PULSE_TEST_PROVIDER_URL": _sandbox(plan)},
    )


async def _runs(_pid: int) -> bool:
    return True


@contextlib.asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Control]:
    """Runs a control in ``folder`` until the block ends."""
    plan = await asyncio.to_thread(make_plan, folder)
    async with suite.running(Control(plan, [VALKEY, SANDBOX, worker()])) as control:
        yield control


async def verdict(control: Control, name: str, notifications: int, fault: Callable[[], Awaitable[None]]) -> Verdict:
    """What the checker says of ``notifications`` SMS, ``fault`` striking in mid-load; ``name`` begins their users."""
    journal = Journal()
    _, start = gathering.read_receipts(control.receipt_log)
    slow = [{"provider": "*", "match": "", "action": "delay_ms", "value": CALL_MS}]
    async with httpx.AsyncClient() as client:
        (await client.put(f"{_sandbox(control.plan)}/api/faults", json=slow)).raise_for_status()
    mixed = dict.fromkeys(ask for step in Load(name, name).steps(10 * notifications) for ask in step.asks)
    asks = [replace(ask, key="") for ask in mixed if ask.channel == "SMS"][:notifications]
    for ask in asks:
        await _publish(control.plan, ask, journal)

    async def under_way() -> bool:
        return len(gathering.read_receipts(control.receipt_log, start)[0]) >= notifications // 10

    assert await until(under_way, PATIENCE_S)
    await fault()
    await _until_quiet(control)
    receipts, _ = gathering.read_receipts(control.receipt_log, start)
    return check(_evidence(receipts, journal))


async def _publish(plan: Plan, ask: Ask, journal: Journal) -> None:
    """Acknowledged is what ``delay()`` returned for."""
    app = Celery("control", broker=plan.redis_url(1))
    notification_id = str(uuid.uuid4())
    arguments = (notification_id, ask.to, ask.body)
    await asyncio.to_thread(app.send_task, "proof.chaos.control.sender.send", arguments)
    journal.asked.append(ask)
    journal.acknowledged.append(Acknowledgement(ask, notification_id, time.time()))


def _evidence(receipts: list[Receipt], journal: Journal) -> Evidence:
    """There is no ledger: each acknowledgement is taken for a row, which has ended if a provider has it."""
    arrived = {receipt.notification_id for receipt in receipts}
    rows, events = [], {}
    for given in journal.acknowledged:
        status = "SENT" if given.notification_id in arrived else "QUEUED"
        rows.append(_row(given, status))
        events[given.notification_id] = _timeline(given, status)
    return Evidence(journal, rows, events, receipts, [], Rules(limit=10, window_s=60.0))


def _row(given: Acknowledgement, status: str) -> Row:
    ask = given.ask
    return Row(
        given.notification_id,
        ask.tenant,
        ask.user,
        ask.channel,
        ask.to,
        ask.key,
        status,
        False,
        6,
        given.at,
        None,
        given.at,
        3 if status == "SENT" else 1,
    )


def _timeline(given: Acknowledgement, status: str) -> list[Event]:
    """What it would have written down, had it written anything down."""
    name, tenant = given.notification_id, given.ask.tenant
    events = [
        Event(name, tenant, 1, given.at, "ACCEPTED", "QUEUED"),
        Event(name, tenant, 2, 0.0, "ATTEMPT_STARTED", "SENDING", 1, 1),
        Event(name, tenant, 3, given.at, "ATTEMPT_ENDED", "SENT", 1, 1, "SUCCEEDED"),
    ]
    return events if status == "SENT" else events[:1]


async def _until_quiet(control: Control) -> None:
    """Returns when the worker is at work, the broker is empty and no receipt has come for :data:`QUIET_S`."""

    async def empty() -> bool:
        return await control.workers() > 0 and await control.waiting() == 0

    assert await until(empty, PATIENCE_S)
    seen, since = -1, time.monotonic()
    while time.monotonic() - since < QUIET_S:
        await asyncio.sleep(0.1)
        size = control.receipt_log.stat().st_size
        if size != seen:
            seen, since = size, time.monotonic()


def _sandbox(plan: Plan) -> str:
    return f"http://{plan.ports.address('sandbox')}"
