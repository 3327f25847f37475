"""Large notifications through the real ledger to a worker's provider: each is sent once, by its first attempt."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from pulse.common.v1 import enums_pb2
from services.delivery.config import DeliverySettings
from services.delivery.ledger import LedgerClient
from services.delivery.worker.engine import Engine
from services.ledger.config import LedgerSettings
from services.ledger.migrate import migrate
from services.ledger.server import Ledger
from shared.clock import FixedClock
from shared.rpc.channels import open_channel
from shared.times import to_duration
from tests.delivery.fakes import FakeProvider
from tests.ledger.calls import Calls, template
from tests.ledger.conftest import NOON
from tests.support import eventually

#: The longest context that the front door lets through.
LONG = json.dumps({"name": "x" * 65_500})


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
async def address(database_url: str, clock: FixedClock) -> AsyncIterator[str]:
    """Of a ledger that serves."""
    await asyncio.to_thread(migrate, database_url, NOON, 1)
    environment = {"PULSE_DATABASE_URL": database_url, "PULSE_LISTEN": "127.0.0.1:0", "PULSE_DRAIN_SECONDS": "0.1"}
    ledger = Ledger(LedgerSettings.load(environment), clock)
    await ledger.start()
    yield f"127.0.0.1:{ledger.port}"
    await ledger.stop()


@pytest.fixture
async def calls(address: str, clock: FixedClock) -> AsyncIterator[Calls]:
    """Calls to it."""
    async with open_channel(address) as channel:
        yield Calls(channel, clock)


@pytest.fixture
async def worker(address: str) -> AsyncIterator[tuple[Engine, FakeProvider]]:
    """A LOW worker of the usual size, and what its provider was given."""
    provider = FakeProvider()
    settings = DeliverySettings()
    async with open_channel(address) as channel:
        client = LedgerClient(channel, worker_id="low", lease=settings.delivery_lease_seconds)
        engine = Engine(client, {"smtp": provider}, settings, settings.worker_low_in_flight)
        yield engine, provider
        await engine.stop()


@pytest.mark.parametrize(("guarantee", "digest"), [("AT_MOST_ONCE", 0), ("AT_LEAST_ONCE", 0), ("AT_LEAST_ONCE", 3600)])
async def test_each_is_sent_once(
    calls: Calls,
    clock: FixedClock,
    worker: tuple[Engine, FakeProvider],
    database_url: str,
    guarantee: str,
    digest: int,
) -> None:
    engine, provider = worker
    await calls.create(template())
    users = 130 if digest else 400
    made = [
        calls.entry(
            user_id=f"user-{number % users}",
            category="news",
            lane=enums_pb2.LOW,
            delivery_guarantee=enums_pb2.DeliveryGuarantee.Value(guarantee),
            context_json=LONG,
            digest_window=to_duration(digest) if digest else None,
        )
        for number in range(390 if digest else 400)
    ]
    for first in range(0, len(made), 100):
        await calls.record(*made[first : first + 100])
    clock.advance(digest)
    due = [(ref.tenant_id, ref.notification_id) for ref in (await calls.draw(limit=1000, lane=enums_pb2.LOW)).refs]
    assert len(due) == users
    await asyncio.gather(*(engine.take(due[first : first + 100]) for first in range(0, users, 100)))
    await eventually(lambda: len(provider.sent) == users)
    assert set(Counter(one.notification_id for one in provider.sent).values()) == {1}
    await eventually(lambda: standing(database_url) == [("SENT", 1, users)])


def standing(url: str) -> list[Any]:
    """Status and attempts of all that was not collected, and how many stand so."""
    with psycopg.connect(url) as connection:
        statement = "SELECT status, attempt, count(*) FROM deliveries WHERE status <> 'SUPPRESSED' GROUP BY 1, 2"
        return connection.execute(statement).fetchall()
