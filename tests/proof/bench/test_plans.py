"""The hot path finds what it needs by index, however long the ledger's history: the plans say so."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import psycopg
import pytest

from proof.bench import plans
from proof.bench.fill import TABLES, fill
from proof.bench.plans import Statement
from pulse.common.v1 import enums_pb2, notification_pb2
from pulse.ledger.v1 import ledger_reader_pb2, records_pb2
from services.ledger.server import Ledger
from shared.clock import FixedClock
from shared.rpc.channels import call
from tests.ledger.calls import TENANT, Calls, settlement

#: Notifications that were sent, and ones that are due: enough for the planner to see what it costs to read them all.
SENT, DUE = 20_000, 3_000
SUCCEEDED = notification_pb2.TimelineEvent.SUCCEEDED


@pytest.fixture
async def filled_url(calls: Calls, migrated_url: str, clock: FixedClock, ledger: Ledger) -> str:
    """The database with a history and a backlog."""
    clock.advance(2 * 3600)
    sent = await calls.recorded(key="sent")
    (claimed,) = await calls.claim(sent)
    await calls.end(claimed, SUCCEEDED)
    due = await calls.recorded(key="due", lane=enums_pb2.LOW)

    @contextlib.asynccontextmanager
    async def connect() -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        async with await psycopg.AsyncConnection.connect(migrated_url, autocommit=True) as connection:
            yield connection

    for exemplar, count in ((sent, SENT), (due, DUE)):
        await fill(connect, exemplar.notification_id, count, clock.now(), lambda _: None)
    return migrated_url


async def statements(calls: Calls, clock: FixedClock) -> Mapping[str, Statement]:
    """All that the ledger sends in accepting, drawing, claiming, settling, and in looks at one and at pages."""
    with plans.captured() as seen:
        entries = [calls.entry(key=f"fresh-{number}", lane=enums_pb2.LOW) for number in range(50)]
        await calls.record(*entries)
        await calls.lookup(("fresh-1", b"one request"))
        clock.advance(60)
        drawn = await calls.draw(limit=50, lane=enums_pb2.LOW)
        claimed = await calls.claim(*drawn.refs)
        await calls.settle(*(settlement(one, SUCCEEDED) for one in claimed))
        await read(calls, drawn.refs[0])
    assert len(claimed) == 50
    return seen


async def read(calls: Calls, ref: records_pb2.NotificationRef) -> None:
    """One notification, and pages by what people filter by."""
    await call(calls.reader.GetNotification, ledger_reader_pb2.GetNotificationRequest(ref=ref))
    filters: list[dict[str, Any]] = [
        {},
        {"user_id": "fill-u7"},
        {"template_name": "welcome"},
        {"statuses": [enums_pb2.FAILED]},
        {"statuses": [enums_pb2.QUEUED]},
        {"channel": enums_pb2.EMAIL},
    ]
    for wanted in filters:
        request = ledger_reader_pb2.ListNotificationsRequest(tenant_id=TENANT, page_size=50, **wanted)
        await call(calls.reader.ListNotifications, request)


def with_rows(url: str) -> set[str]:
    """The partitions and tables of the hot path that hold anything: an empty one costs nothing to read."""
    asked = "SELECT relname FROM pg_class WHERE relkind = 'r' AND pg_relation_size(oid) > 0"
    with psycopg.connect(url) as connection:
        return {name for (name,) in connection.execute(asked) if name.startswith(TABLES)}


async def test_the_hot_path_reads_no_table_from_end_to_end(calls: Calls, clock: FixedClock, filled_url: str) -> None:
    seen = await statements(calls, clock)
    filled, found = with_rows(filled_url), {}
    for text, statement in seen.items():
        scanned = set(plans.sequential_scans(plans.explain(filled_url, statement)))
        if guilty := sorted(scanned & filled):
            found[text.strip()] = guilty
    assert len(seen) >= 12  # fewer, and some were not seen
    assert found == {}
