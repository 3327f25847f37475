"""Lists end after so many rows that they looked at, whatever is asked for: nobody's list is another's wait."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from pulse.common.v1 import enums_pb2
from pulse.ledger.v1 import ledger_reader_pb2, records_pb2
from services.ledger.postgres.compiling import Query
from services.ledger.postgres.postgres import PLANS
from services.ledger.read import dead_letter_queries, page_queries, walks
from services.ledger.rules.states import Status
from services.ledger.stores.paging import DeadLetterFilter, Filter
from shared.channel.table import Channel
from shared.clock import FixedClock
from shared.rpc.channels import call
from tests.ledger.calls import TENANT, Calls, Outcome
from tests.ledger.conftest import NOON

ROWS = 100_000
WALK = 500
SIZE = 51

# Most of the old ones are one user's and made from one template, and none of the new ones is: a guess by the mean is
# wrong. Nineteen of twenty are DELIVERED by email.
MADE = """
CREATE TEMPORARY TABLE made AS
SELECT n, CASE mod(n, 20) WHEN 0 THEN 'other' ELSE 'acme' END AS tenant_id, mod(n, 20) = 1 AS failed, n < 75000 AS old,
    (lpad(to_hex(1000 * (extract(epoch FROM %(noon)s)::bigint + n)), 12, '0') || '70008'
        || lpad(to_hex(n), 15, '0'))::uuid AS notification_id
FROM generate_series(1, %(rows)s) n
"""
NOTIFICATIONS = """
INSERT INTO notifications (tenant_id, notification_id, user_id, template_name, template_version, recipient, subject,
    context_json, idempotency_key, locale, metadata, category, traceparent, created_at)
SELECT tenant_id, notification_id, CASE WHEN old THEN 'old' ELSE 'user-' || mod(n, 7) END,
    CASE WHEN old THEN 'old' ELSE 'new' END, 1, '', '', '{}', '', '', '{}', '', '', now()
FROM made
"""
DELIVERIES = """
INSERT INTO deliveries (tenant_id, notification_id, status, channel, lane, guarantee, route, max_attempts, ready_at,
    fence, attempt, attempt_limit, route_index, provider, provider_message_id, failure_code, failure_message,
    updated_at, revision, died_at)
SELECT tenant_id, notification_id, (CASE WHEN failed THEN 'FAILED' ELSE 'DELIVERED' END)::status, 'EMAIL', 'LOW',
    'AT_LEAST_ONCE', '{smtp}', 3, now(), 1, 1, 3, 0, 'smtp', '', CASE WHEN failed THEN 'BUSY' ELSE '' END, '', now(), 3,
    CASE WHEN failed THEN %(noon)s + n * interval '1 second' END
FROM made
"""


@pytest.fixture(scope="module")
def full(postgres_server: str, migrated_template: str) -> Iterator[psycopg.Connection[Any]]:
    """A database with many rows, as lists are asked of it."""
    name = f"full_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{migrated_template}" STRATEGY file_copy')
        url = postgres_server.rpartition("/")[0] + f"/{name}"
        with psycopg.connect(url, autocommit=True, options=" ".join(f"-c {k}={v}" for k, v in PLANS.items())) as made:
            for statement in (MADE, NOTIFICATIONS, DELIVERIES):
                made.execute(statement, {"noon": NOON, "rows": ROWS})
            made.execute("VACUUM ANALYZE")
            yield made
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def looked_at(connection: psycopg.Connection[Any], query: Query) -> int:
    """Rows that PostgreSQL looks at, in tables and in indexes."""
    explained = connection.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + query.text, query.parameters).fetchone()
    assert explained is not None
    return sum(_rows(node) for node in _nodes(explained[0][0]["Plan"]) if node["Node Type"].endswith("Scan"))


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


def _rows(node: dict[str, Any]) -> float:
    removed = sum(value for name, value in node.items() if name.startswith("Rows Removed"))
    return (node["Actual Rows"] + removed) * node["Actual Loops"]


#: What each filter is given; many have it, few, or none.
VALUES: dict[str, list[Any]] = {
    "user_id": ["", "old", "user-1"],
    "template_name": ["", "old", "none"],
    "statuses": [(), (Status.DELIVERED,), (Status.SENDING,), (Status.FAILED,), (Status.FAILED, Status.EXPIRED)],
    "channel": [None, Channel.PUSH],
    "failure_code": ["", "BUSY"],
    "provider": ["", "fcm"],
    "created_before": [None, NOON + dt.timedelta(seconds=ROWS // 2)],
}


def test_no_combination_of_filters_looks_at_more_than_its_walk(full: psycopg.Connection[Any]) -> None:
    for values in itertools.product(*VALUES.values()):
        wanted = Filter(TENANT, **dict(zip(VALUES, values, strict=True)))
        # The walk, and of each row on it the notification and its delivery.
        assert looked_at(full, page_queries.page(wanted, SIZE, "", WALK)) <= 3 * WALK, wanted


def test_what_an_index_serves_is_found_without_a_walk(full: psycopg.Connection[Any]) -> None:
    served: list[dict[str, Any]] = [
        {},
        {"user_id": "old"},
        {"user_id": "user-1"},
        {"template_name": "old"},
        {"statuses": (Status.FAILED,)},
        {"failure_code": "BUSY"},
        {"created_before": NOON + dt.timedelta(seconds=90_000)},
    ]
    for filters in served:
        assert looked_at(full, page_queries.page(Filter(TENANT, **filters), SIZE, "", WALK)) <= 3 * SIZE, filters


@pytest.mark.parametrize("channel", [None, Channel.PUSH])
@pytest.mark.parametrize("failure_code", ["", "BUSY", "OTHER"])
@pytest.mark.parametrize("before", [None, NOON + dt.timedelta(seconds=ROWS // 2)])
def test_no_list_of_dead_letters_looks_at_more_than_its_walk(
    full: psycopg.Connection[Any], channel: Channel | None, failure_code: str, before: dt.datetime | None
) -> None:
    wanted = DeadLetterFilter(TENANT, channel, failure_code=failure_code, died_before=before)
    assert looked_at(full, dead_letter_queries.page(wanted, SIZE, None, WALK)) <= 3 * WALK


async def everything(read: Any, request: Any, rows: str) -> tuple[list[str], list[int]]:
    """Ids of all pages, and how many each page had."""
    found: list[str] = []
    sizes: list[int] = []
    while True:
        answer = await call(read, request)
        page = [one.notification_id for one in getattr(answer, rows)]
        found, sizes = found + page, [*sizes, len(page)]
        if not answer.next_page_token:
            return found, sizes
        request.page_token = answer.next_page_token


@pytest.fixture
async def texts(calls: Calls, clock: FixedClock) -> list[str]:
    """Ids of dead text messages, the newest first, among as many dead emails and more."""
    wanted = []
    for number in range(12):
        is_text = number % 5 == 2
        ref = await calls.recorded(channel=enums_pb2.SMS if is_text else enums_pb2.EMAIL)
        (claimed,) = await calls.claim(ref)
        await calls.end(claimed, Outcome.PERMANENT_FAILURE)
        clock.advance(1)
        wanted += [ref.notification_id] * is_text
    return wanted[::-1]


@pytest.mark.parametrize("kind", ["notifications", "dead_letters"])
async def test_pages_that_end_early_make_up_the_whole(
    kind: str, texts: list[str], calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    for length, size in itertools.product([1, 2, 3, 7, 12, 13, 100], [1, 2, 5, 100]):
        monkeypatch.setattr(walks.Walk.__init__, "__defaults__", (length,))
        if kind == "notifications":
            request = ledger_reader_pb2.ListNotificationsRequest(
                tenant_id=TENANT, page_size=size, channel=enums_pb2.SMS
            )
            found, sizes = await everything(calls.reader.ListNotifications, request, kind)
        else:
            wanted = records_pb2.DeadLetterFilter(channel=enums_pb2.SMS)
            dead = ledger_reader_pb2.ListDeadLettersRequest(tenant_id=TENANT, page_size=size, filter=wanted)
            found, sizes = await everything(calls.reader.ListDeadLetters, dead, kind)
        assert found == texts
        assert max(sizes) <= size
        assert len(sizes) <= 12 // length + len(texts) + 1
