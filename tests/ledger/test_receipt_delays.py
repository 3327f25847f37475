"""Whose receipts are slow is looked up beside the claims that go by it."""

from __future__ import annotations

import asyncio

import pytest

from pulse.common.v1 import enums_pb2
from services.ledger.config import LedgerSettings
from services.ledger.postgres import tenancy
from services.ledger.postgres.postgres import Connection
from services.ledger.server import Ledger
from tests.ledger.calls import Calls


@pytest.fixture
def settings(settings: LedgerSettings) -> LedgerSettings:
    """With a single connection for what the platform looks up, which may be waited for long."""
    return settings.model_copy(update={"ledger_read_pool_max": 1, "ledger_pool_wait_seconds": 30.0})


async def test_no_claim_waits_for_the_look(ledger: Ledger, calls: Calls) -> None:
    release, held = asyncio.Event(), asyncio.Event()

    async def hold(_: Connection) -> None:
        held.set()
        await release.wait()

    with tenancy.platform():
        holding = asyncio.create_task(ledger._postgres.read(hold))
    await held.wait()
    ref = await calls.recorded(channel=enums_pb2.SMS, route=["twilio"], to="+4915112345678")
    async with asyncio.timeout(10):
        (claimed,) = await calls.claim(ref)
    assert claimed.provider == "twilio"
    release.set()
    await holding
