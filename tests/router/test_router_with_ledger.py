"""The router in front of the real ledger: what both sides of their contract make together."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import redis

from pulse.common.v1.enums_pb2 import Status
from services.ledger.config import LedgerSettings
from services.ledger.migrate import migrate
from services.ledger.server import Ledger
from shared.times import to_timestamp
from tests.router.queues import Queues
from tests.router.samples import error_of, submission
from tests.support import eventually


@pytest.fixture
async def router(run_router: Callable[..., Any], database_url: str) -> AsyncIterator[Any]:
    """A router with a limit of 5 and a ledger that hands out again after half a second."""
    await asyncio.to_thread(migrate, database_url, dt.datetime.now(dt.UTC), 1)
    settings = LedgerSettings.load(
        {
            "PULSE_DATABASE_URL": database_url,
            "PULSE_LISTEN": "127.0.0.1:0",
            "PULSE_LEDGER_REDISPATCH_SECONDS": "0.5",
            "PULSE_DRAIN_SECONDS": "2",
        }
    )
    ledger = Ledger(settings)
    await ledger.start()
    try:
        yield await run_router(ledger_address=f"127.0.0.1:{ledger.port}", router_limit=5, drain_seconds=1)
    finally:
        await ledger.stop()


async def test_a_key_is_one_notification_however_often_and_however_concurrently_it_comes(router: Any) -> None:
    calls = [router.submit(submission(user="ada", idempotency_key="k")) for _ in range(20)]
    results = [result for (result,) in await asyncio.gather(*calls)]
    assert len({result.notification_id for result in results}) == 1
    assert sum(not result.replayed for result in results) == 1
    others = await router.submit(*[submission(user="ada") for _ in range(5)])
    assert [result.HasField("error") for result in others] == [False] * 4 + [True]


async def test_a_limited_user_still_gets_the_answers_to_known_keys(router: Any, valkey_url: str) -> None:
    """The first use has left the window: only the ledger knows it."""
    (first,) = await router.submit(submission(user="ada", idempotency_key="k"))
    with redis.Redis.from_url(valkey_url) as client:
        (window,) = client.keys("*limit*")
        for token in client.zrange(window, 0, -1):
            client.zrem(window, token)
    await router.submit(*[submission(user="ada") for _ in range(5)])
    replay, other = await router.submit(
        submission(user="ada", idempotency_key="k"),
        submission(user="ada", idempotency_key="k", fingerprint=b"x" * 32),
    )
    assert (replay.notification_id, replay.replayed) == (first.notification_id, True)
    assert error_of(other).reason == "IDEMPOTENCY_KEY_REUSED"


async def test_what_nobody_claims_is_published_again(router: Any, queues: Queues) -> None:
    (result,) = await router.submit(submission(template_name="otp"))
    seen: list[str] = []

    def seen_twice() -> bool:
        seen.extend(queues.ids("HIGH"))
        return len(seen) >= 2

    await eventually(seen_twice)
    assert set(seen) == {result.notification_id}


async def test_what_was_put_off_is_published_when_its_time_has_come(router: Any, queues: Queues) -> None:
    at = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=0.5)
    (result,) = await router.submit(submission(send_at=to_timestamp(at)))
    assert result.status == Status.SCHEDULED

    def published() -> bool:
        return result.notification_id in queues.ids("LOW")

    assert not published()
    await eventually(published)
    assert dt.datetime.now(dt.UTC) >= at


async def test_a_backlog_beyond_the_window_is_drawn_and_published(router: Any, queues: Queues) -> None:
    ids: set[str] = set()
    for _ in range(5):
        ids |= {result.notification_id for result in await router.submit(*[submission() for _ in range(1_000)])}
    seen: set[str] = set()

    def all_seen() -> bool:
        seen.update(queues.ids("LOW"))
        return seen == ids

    await eventually(all_seen)
