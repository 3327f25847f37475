"""Limits and broker of a Redis whose primary is known by Sentinels: they follow it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from services.router.dispatch.celery_queue import BrokerUnavailableError, CeleryQueue
from services.router.limits.eviction import warn_of_eviction
from services.router.limits.shared_redis import RedisUnavailableError, SharedRedis
from shared.broker import QUEUES, celery_app
from shared.server_urls import BROKERS, parse
from tests.support import eventually
from tests.support.sentinels import Watched, watched_valkey

#: Answers nobody, as a Sentinel that is gone.
GONE = "127.0.0.1:1"


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """With one more Sentinel in its address that is gone."""
    with watched_valkey(tmp_path) as watched:
        yield watched


async def test_limits_and_broker_follow_the_primary(watched: Watched) -> None:
    limits = SharedRedis(watched.url(0, GONE), timeout=1)
    queue = CeleryQueue(celery_app(watched.url(1, GONE)), QUEUES["LOW"])
    script = limits.script("return redis.call('INCR', 'seen')")

    async def counts() -> bool:
        try:
            return bool(await limits.run(script, [], []))
        except RedisUnavailableError:
            return False

    async def publishes() -> bool:
        try:
            return bool(await asyncio.to_thread(queue.publish, [("acme", str(uuid.uuid4()))], {}))
        except BrokerUnavailableError:
            return False

    assert await counts() and await publishes()
    await asyncio.to_thread(watched.fail_over)
    watched.replica.flushall()
    assert await eventually(counts) and await eventually(publishes)
    assert watched.replica.get("seen") == b"1" and await asyncio.to_thread(queue.depth) == 1
    await limits.close()
    await asyncio.to_thread(queue.close)


async def test_the_eviction_policy_is_the_primarys(watched: Watched) -> None:
    watched.replica.config_set("maxmemory-policy", "allkeys-lru")
    for expected in ([], ["allkeys-lru"]):
        with capture_logs() as logs:
            await warn_of_eviction(parse(watched.url(1, GONE), BROKERS))
        assert [line["policy"] for line in logs if line["log_level"] == "warning"] == expected
        await asyncio.to_thread(watched.fail_over) if not expected else None


@pytest.mark.parametrize("wrong", ["another-name", "pulse-2"])
async def test_a_primary_that_no_sentinel_knows_is_said(watched: Watched, wrong: str) -> None:
    url = watched.url(0, GONE).replace("/pulse/", f"/{wrong}/")
    limits = SharedRedis(url, timeout=1)
    with pytest.raises(RedisUnavailableError, match="no Sentinel knows a primary"):
        await limits.run(limits.script("return 1"), [], [])
    await limits.close()
    queue = CeleryQueue(celery_app(url), QUEUES["LOW"])
    with pytest.raises(BrokerUnavailableError, match="no Sentinel knows a primary"):
        await asyncio.to_thread(queue.depth)
