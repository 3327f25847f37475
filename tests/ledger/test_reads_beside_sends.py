"""What one tenant reads holds up neither what others send nor what sending needs to read."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import pytest

from pulse.common.v1 import enums_pb2
from pulse.ledger.v1 import ledger_admin_pb2, ledger_reader_pb2
from services.ledger.config import LedgerSettings
from services.ledger.server import Ledger
from shared.clock import FixedClock
from shared.errors import Code, PulseError
from shared.rpc.channels import call, open_channel
from tests.ledger.calls import TENANT, Calls, template
from tests.support.waiting import eventually

#: Rows that the lists look at; no list finds any.
FILL = """
WITH made AS (
    INSERT INTO deliveries (tenant_id, notification_id, status, channel, lane, guarantee, route, max_attempts, ready_at,
        fence, attempt, attempt_limit, route_index, provider, provider_message_id, failure_code, failure_message,
        updated_at, revision)
    SELECT 'acme', ('01a20846-fe00-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'DELIVERED', 'EMAIL', 'LOW',
        'AT_LEAST_ONCE', '{smtp}', 3, now(), 1, 1, 3, 0, 'smtp', '', '', '', now(), 3
    FROM generate_series(1, 50000) n RETURNING tenant_id, notification_id
)
INSERT INTO notifications (tenant_id, notification_id, user_id, template_name, template_version, recipient, subject,
    context_json, idempotency_key, locale, metadata, category, traceparent, created_at)
SELECT tenant_id, notification_id, 'user-1', 'welcome', 1, '', '', '{}', '', '', '{}', '', '', now() FROM made
"""
CALLERS = 12


def pushes(token: str = "", tenant_id: str = TENANT) -> ledger_reader_pb2.ListNotificationsRequest:
    """A list that no index serves."""
    return ledger_reader_pb2.ListNotificationsRequest(
        tenant_id=tenant_id,
        page_size=50,
        page_token=token,
        statuses=[enums_pb2.DELIVERED],
        channel=enums_pb2.PUSH,
    )


@contextlib.asynccontextmanager
async def listing(calls: Calls) -> AsyncIterator[list[int]]:
    """Many callers list page after page until the block ends; gives how many pages each has had."""
    pages = [0] * CALLERS

    async def go_on(caller: int) -> None:
        token = ""
        while True:
            token = (await call(calls.reader.ListNotifications, pushes(token))).next_page_token
            pages[caller] += 1

    tasks = [asyncio.create_task(go_on(caller)) for caller in range(CALLERS)]
    try:
        yield pages
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(one, asyncio.CancelledError) for one in ended), ended


async def test_lists_of_one_tenant_beside_sends_of_another(calls: Calls, database: Any) -> None:
    database.execute(FILL)
    database.execute("ANALYZE")
    async with listing(calls) as pages:
        assert await eventually(lambda: min(pages) > 0)
        before = list(pages)
        sent = 0
        # Until every caller has had two pages more: all of them go on while others send, and the other way round.
        while min(now - then for now, then in zip(pages, before, strict=True)) < 2:
            ref = await calls.recorded(tenant_id="other")
            assert len(await calls.claim(ref)) == 1
            sent += 1
    assert sent > CALLERS


@contextlib.contextmanager
def nobody_reads_deliveries(url: str) -> Iterator[None]:
    """Whatever asks for notifications waits, as for a disk that is slow."""
    with psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE")
        yield


def waiting(database: Any) -> int:
    """Sessions that wait for a lock."""
    return int(database.rows("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")[0][0])


async def test_what_sending_needs_is_read_while_all_lists_wait(calls: Calls, database: Any, migrated_url: str) -> None:
    await call(
        calls.admin.CreateTemplate, ledger_admin_pb2.CreateTemplateRequest(tenant_id=TENANT, template=template())
    )
    reader, admin = calls.reader, calls.admin
    replay = ledger_admin_pb2.ReplayDeadLettersRequest(tenant_id=TENANT, rate_per_second=1)
    asked = [
        (reader.ListNotifications, pushes()),
        (reader.ListDeadLetters, ledger_reader_pb2.ListDeadLettersRequest(tenant_id=TENANT, page_size=9)),
        (reader.GetStatistics, ledger_reader_pb2.GetStatisticsRequest(tenant_id=TENANT)),
        (reader.GetQueueDepths, ledger_reader_pb2.GetQueueDepthsRequest(tenant_id=TENANT)),
        (reader.GetStatistics, ledger_reader_pb2.GetStatisticsRequest()),
        (reader.GetQueueDepths, ledger_reader_pb2.GetQueueDepthsRequest()),
        (admin.ReplayDeadLetters, replay),
    ]
    with nobody_reads_deliveries(migrated_url):
        held = [asyncio.create_task(call(*one)) for one in asked * 3]
        assert await eventually(lambda: waiting(database) >= 2)
        request = ledger_reader_pb2.GetTemplateRequest(tenant_id=TENANT, name="welcome")
        assert (await call(calls.reader.GetTemplate, request)).template.version == 1
        await call(calls.reader.ListKeys, ledger_reader_pb2.ListKeysRequest())
        await call(calls.reader.ListLimits, ledger_reader_pb2.ListLimitsRequest())
    await asyncio.gather(*held, return_exceptions=True)


async def test_one_tenant_leaves_a_connection_to_the_others(calls: Calls, database: Any, migrated_url: str) -> None:
    with nobody_reads_deliveries(migrated_url):
        held = [asyncio.create_task(call(calls.reader.ListNotifications, pushes())) for _ in range(CALLERS)]
        assert await eventually(lambda: waiting(database) == 1)
        held.append(asyncio.create_task(call(calls.reader.ListNotifications, pushes(tenant_id="other"))))
        assert await eventually(lambda: waiting(database) == 2)
    assert all(not answer.notifications for answer in await asyncio.gather(*held))


@pytest.fixture
async def hasty(settings: LedgerSettings, clock: FixedClock) -> AsyncIterator[Calls]:
    """Calls to a ledger that searches for a moment only, with few that wait."""
    update = {"ledger_search_seconds": 0.2, "ledger_searches_waiting": 1}
    ledger = Ledger(settings.model_copy(update=update), clock)
    await ledger.start()
    async with open_channel(f"127.0.0.1:{ledger.port}") as channel:
        yield Calls(channel, clock)
    await ledger.stop()


async def test_what_takes_too_long_or_waits_in_vain_is_refused_with_a_reason(hasty: Calls, migrated_url: str) -> None:
    with nobody_reads_deliveries(migrated_url):
        ended = await asyncio.gather(
            *(call(hasty.reader.ListNotifications, pushes()) for _ in range(4)), return_exceptions=True
        )
    told = [one for one in ended if isinstance(one, PulseError)]
    assert {one.code for one in told} == {Code.RESOURCE_EXHAUSTED}
    assert sorted(one.reason for one in told) == ["SEARCH_TOO_LONG"] * 2 + ["TOO_MANY_SEARCHES"] * 2
    assert all(one.message for one in told)
    assert not (await call(hasty.reader.ListNotifications, pushes())).notifications
