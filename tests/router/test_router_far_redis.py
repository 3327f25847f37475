"""The limiter with a Redis that is some milliseconds away, slow to connect, behind TLS, or a replica for a while."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import redis
from structlog.testing import capture_logs

from services.router.dispatch.shared_buckets import SharedBuckets, Wanted
from services.router.limits.shared_windows import SharedWindows
from services.router.rules.provider_rates import Rate
from services.router.rules.quota import Admitted
from services.router.shared_redis import RedisSlowError, RedisUnavailableError
from shared.lane.names import Lane
from tests.router.conftest import Edges, OwnValkey
from tests.router.quota_requests import quota_request
from tests.router.samples import submission
from tests.support import eventually
from tests.support.certificates import Authority
from tests.support.far_link import far_link, through


def port_of(url: str) -> int:
    return urlsplit(url).port or 0


async def takes(windows: SharedWindows) -> bool:
    """Whether Redis decides on one fresh claim in time; what it decides belongs to that claim."""
    token = f"{random.getrandbits(64):x}"
    try:
        (verdict,) = await windows.take([quota_request(token, token)])
    except RedisUnavailableError:
        return False
    assert isinstance(verdict, Admitted) and verdict.reservation and verdict.reservation.request.token == token
    return True


@pytest.mark.parametrize(
    ("delay", "first_delay"), [(0.0025, 0.0), (0.005, 0.0), (0.008, 0.0), (0.0, 0.3), (0.005, 0.3)]
)
async def test_a_redis_that_connects_slower_than_a_call_may_last_is_connected_to(
    valkey_url: str, delay: float, first_delay: float, edges: Edges
) -> None:
    """A call may last 40 ms; to connect takes several round trips, and up to 0.3 s more."""
    async with far_link(port_of(valkey_url), delay=delay, first_delay=first_delay) as link:
        windows = SharedWindows(edges(through(link.port, valkey_url), timeout=0.04))
        await eventually(lambda: takes(windows))
        answers = [await takes(windows) for _ in range(20)]
        assert sum(answers) >= 15, "a machine that is busy now and then is late"
        assert link.connections <= 2


async def test_buckets_are_found_over_the_same_slow_connection_as_limits(valkey_url: str, edges: Edges) -> None:
    """They may wait longer for it than a caller may."""
    async with far_link(port_of(valkey_url), delay=0.03, first_delay=0.3) as link:
        shared = edges(through(link.port, valkey_url), timeout=0.04)
        windows, buckets = SharedWindows(shared), SharedBuckets(shared)
        rate = Rate(100, 1)

        async def taken() -> bool:
            try:
                return bool(await buckets.take(Lane.LOW, [Wanted("far", rate, 1, hungry=False)], afresh=False))
            except RedisUnavailableError:
                return False

        await eventually(taken)
        assert not await takes(windows)
        assert all([await taken() for _ in range(3)])
        assert link.connections == 1


async def test_by_tls_it_is_connected_to(valkey_url: str, tmp_path: Path, edges: Edges) -> None:
    authority = Authority(tmp_path)
    async with far_link(port_of(valkey_url), delay=0.005, tls=authority.server("127.0.0.1")) as link:
        trusted = quote(str(authority.file))
        url = f"{through(link.port, valkey_url, 'rediss')}?ssl_ca_certs={trusted}"
        windows = SharedWindows(edges(url, timeout=0.04))
        await eventually(lambda: takes(windows))


async def test_calls_end_in_time_while_it_is_being_connected_to(valkey_url: str, edges: Edges) -> None:
    async with far_link(port_of(valkey_url), first_delay=0.3) as link:
        windows = SharedWindows(edges(through(link.port, valkey_url), timeout=0.02))
        for _ in range(3):
            began = time.monotonic()
            with pytest.raises(RedisSlowError):
                await windows.take([quota_request("t")])
            assert time.monotonic() - began < 0.15
        assert link.connections == 1


async def test_a_late_answer_costs_no_connection_and_is_nobody_elses(valkey_url: str, edges: Edges) -> None:
    async with far_link(port_of(valkey_url)) as link:
        windows = SharedWindows(edges(through(link.port, valkey_url), timeout=0.05))
        await eventually(lambda: takes(windows))
        before = link.connections
        for _ in range(5):
            link.delay = 0.06
            with pytest.raises(RedisSlowError):
                await windows.take([quota_request("late")])
            link.delay = 0.0
            await eventually(lambda: takes(windows))
        assert link.connections == before


async def test_a_connection_that_never_answers_is_given_up(valkey_url: str, edges: Edges) -> None:
    async with far_link(port_of(valkey_url)) as link:
        shared = edges(through(link.port, valkey_url), timeout=0.05, connect_seconds=0.3)
        windows = SharedWindows(shared)
        await eventually(lambda: takes(windows))
        before, link.delay = link.connections, 3600.0
        with pytest.raises(RedisSlowError):
            await windows.take([quota_request("lost")])
        link.delay = 0.0
        await eventually(lambda: takes(windows))
        assert link.connections > before


async def test_a_primary_that_became_a_replica_is_not_kept(own_valkey: OwnValkey, edges: Edges) -> None:
    """Its connections are thrown away, as another server may stand behind the name by now."""
    windows = SharedWindows(edges(f"{own_valkey.url}/0", timeout=1))
    await windows.take([quota_request("before")])
    with redis.Redis.from_url(own_valkey.url) as server:
        server.replicaof("127.0.0.1", 1)
        known = {one["id"] for one in server.client_list()}
        with pytest.raises(RedisUnavailableError, match="READONLY"):
            await windows.take([quota_request("meanwhile")])
        server.replicaof("NO", "ONE")
        assert await takes(windows)
        now = {one["id"] for one in server.client_list() if one["cmd"] == "evalsha"}
        assert now and not now & known


async def test_the_router_is_warm_before_the_first_request_and_survives_a_failover(
    run_router: Any, own_valkey: OwnValkey
) -> None:
    async with far_link(port_of(own_valkey.url), first_delay=0.2) as link:
        with capture_logs() as logs:
            router = await run_router(
                redis_url=through(link.port, f"{own_valkey.url}/0"),
                router_limiter_timeout_seconds=0.1,
                router_limiter_retry_seconds=0.02,
            )
            await eventually(lambda: link.connections)

            async def accepted() -> bool:
                (result,) = await router.submit(submission("SMS"))
                return bool(result.notification_id)

            assert await accepted(), "a Redis that is only slow to connect closes nothing"
            with redis.Redis.from_url(own_valkey.url) as server:
                server.replicaof("127.0.0.1", 1)
                await eventually(lambda: _is_not(accepted()))
                server.replicaof("NO", "ONE")
                await eventually(accepted)
    away = [line["why"] for line in logs if line["event"] == "away" and line["what"] == "redis"]
    assert away and "READONLY" in away[0]


async def _is_not(question: Any) -> bool:
    return not await asyncio.ensure_future(question)
