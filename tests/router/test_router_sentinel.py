"""Limits and broker of a Redis whose primary is known by Sentinels: they follow it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from structlog.testing import capture_logs

from services.router.dispatch.celery_queue import BrokerUnavailableError, CeleryQueue
from services.router.dispatch.eviction import warn_of_eviction
from services.router.shared_redis import RedisUnavailableError, SharedRedis
from shared.broker import QUEUES, celery_app
from shared.server_urls import BROKERS, parse
from tests.support import eventually
from tests.support.sentinels import Watched, watched_valkey

#: Answers nobody, as a Sentinel that is gone.
GONE = "127.0.0.1:1"
LOGIN = "its login (sentinel_username, sentinel_password)"


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
    assert await whys(url) == {"a Sentinel cannot be asked, and no other knows a primary by that name that is up"}
    alone = url.replace(f"{GONE},", "")
    assert await whys(alone) == {"no Sentinel knows a primary by that name that is up"}


async def test_a_login_that_the_sentinels_refuse_is_said(watched: Watched) -> None:
    expected = {f"a Sentinel refuses {LOGIN}, and no other knows a primary by that name that is up"}
    url = watched.url(0)
    for wrong in ("sentinel_password=canary", "sentinel_username=canary&sentinel_password=canary", ""):
        assert await whys(f"{url.partition('?')[0]}?{wrong}") == expected
    assert await whys(f"{watched.url(0, GONE).partition('?')[0]}") == expected


async def test_sentinels_that_are_all_gone_are_said() -> None:
    url = f"redis+sentinel://:x@{GONE},127.0.0.1:2/pulse/0"
    assert await whys(url) == {"a Sentinel cannot be asked, and no other knows a primary by that name that is up"}


async def whys(url: str) -> set[str]:
    """Why the limits, and why the broker cannot be used."""
    limits = SharedRedis(url, timeout=1)
    with pytest.raises(RedisUnavailableError) as of_limits:
        await limits.run(limits.script("return 1"), [], [])
    await limits.close()
    queue = CeleryQueue(celery_app(url), QUEUES["LOW"])
    with pytest.raises(BrokerUnavailableError) as of_broker:
        await asyncio.to_thread(queue.depth)
    return {str(of_limits.value), str(of_broker.value)}


@pytest.mark.parametrize("silent", [1, 3, 4, 7])
async def test_the_sentinel_that_answers_is_found_behind_silent_ones(watched: Watched, silent: int) -> None:
    """Within the time for connecting, however many are silent."""
    with contextlib.ExitStack() as stack:
        places = [_mute(stack) for _ in range(silent)]
        limits = SharedRedis(watched.url(0, *places), timeout=2, connect_seconds=1)
        assert await limits.run(limits.script("return 1"), [], []) == 1
        await limits.close()


async def test_the_eviction_policy_is_told_behind_silent_sentinels(watched: Watched) -> None:
    with redis.Redis.from_url(watched.primary_url) as primary, contextlib.ExitStack() as stack:
        primary.config_set("maxmemory-policy", "allkeys-lru")
        url = watched.url(1, *(_mute(stack) for _ in range(4)))
        with capture_logs() as logs:
            await warn_of_eviction(parse(url, BROKERS))
        assert [line["policy"] for line in logs if line["log_level"] == "warning"] == ["allkeys-lru"]


def _mute(stack: contextlib.ExitStack) -> str:
    """A place that takes connections and says nothing."""
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    return f"127.0.0.1:{listener.getsockname()[1]}"
