"""A worker whose broker's primary is known by Sentinels: it follows it, and tolerates the same as from any Redis."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from shared.broker import celery_app
from tests.delivery.fakes import FakeLedger
from tests.delivery.test_worker import Start, start_worker
from tests.delivery.test_worker_broker_errors import goes_on
from tests.support.sentinels import watched_valkey

__all__ = ["start_worker"]  # a fixture


async def test_a_worker_follows_the_primary_of_its_broker(
    start_worker: Start, ledger: tuple[FakeLedger, str], tmp_path: Path
) -> None:
    with watched_valkey(tmp_path / "broker") as broker:
        url = broker.url(1, "127.0.0.1:1")
        worker = await start_worker(PULSE_BROKER_URL=url)
        await goes_on(worker, ledger, url)
        await asyncio.to_thread(broker.fail_over)
        await goes_on(worker, ledger, url)
        told = await asyncio.to_thread(lambda: celery_app(url).control.inspect(timeout=10, limit=1).stats())
        assert [one["broker"]["virtual_host"] for one in told.values()] == ["1"]
        assert broker.password not in json.dumps(told)
        assert "Traceback" not in worker.log and broker.password not in worker.log
