"""Every index has a reader: a statement that PostgreSQL answers by it. What none reads would only cost every write."""

from __future__ import annotations

import datetime as dt
import importlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import psycopg
import pytest

from services.ledger.draw import draw_statements
from services.ledger.move import digests, sql
from services.ledger.outgoing import statements as outgoing
from services.ledger.postgres import index_readers, tables
from services.ledger.postgres import sql as statements
from services.ledger.postgres.postgres import PLANS
from services.ledger.read import dead_letter_queries, page_queries, queries
from services.ledger.read.feed import statements as feed
from services.ledger.rules.states import Status
from services.ledger.schema import maintenance
from services.ledger.stores import (
    api_key_store,
    attachment_store,
    limit_store,
    price_store,
    provider_store,
    receipt_delays,
    recipient_store,
    sender_store,
    suppressed_addresses,
)
from services.ledger.stores.paging import DeadLetterFilter, Filter
from shared.ids import uuid7
from tests.ledger.conftest import NOON

REF = ("tenant-1", uuid7(NOON))
REFS = {"tenants": [REF[0]], "ids": [REF[1]]}
CHANGES = {"known_revision": 5, "newest": 50, "limit": 10, "now": NOON}
FEED_PAGE = {
    "tenant_id": "tenant-1",
    "transaction": 0,
    "id": REF[1],
    "first_row": 1,
    "horizon": 100_000,
    "walk": 100,
    "types": ["template.updated"],
    "statuses": ["SENT"],
    "accepted": True,
}
PAGE: Mapping[str, dict[str, Any]] = {
    "notifications_user_idx": {"user_id": "user-1"},
    "notifications_template_idx": {"template_name": "template-1"},
    "deliveries_troubled_idx": {"statuses": (Status.FAILED,)},
    "deliveries_failure_idx": {"failure_code": "BUSY"},
}


def paged(**wanted: Any) -> tuple[str, Mapping[str, Any]]:
    return page_queries.page(Filter("tenant-1", **wanted), 20, "", 1_000)


#: What reads by each index, with parameters: those named in the schema, and what looks rows up by their keys.
READERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    **{name: paged(**wanted) for name, wanted in PAGE.items()},
    "notifications_digest_idx": (
        digests._ENTRIES,
        {"refs": json.dumps([{"tenant_id": REF[0], "notification_id": REF[1], "bytes": 1_000}])},
    ),
    "deliveries_flow_idx": (
        draw_statements.DRAW,
        {
            "flows": json.dumps([{"tenant_id": "tenant-1", "provider": "smtp", "places": 10}]),
            "lane": "LOW",
            "now": NOON,
            "redispatch_at": NOON,
        },
    ),
    "deliveries_dead_idx": dead_letter_queries.page(DeadLetterFilter("tenant-1"), 20, None, 1_000),
    "deliveries_deferred_idx": (provider_store._WAKE, {"now": NOON, "limit": 10}),
    "deliveries_sent_idx": (
        receipt_delays._DELAYED,
        {"providers": ["twilio"], "since": NOON - dt.timedelta(minutes=5), "until": NOON, "sample": 100},
    ),
    "prices_told_at_idx": (price_store.PURGE, {"before": NOON, "limit": 10}),
    "price_sums_day_idx": (price_store.PURGE_SUMS, {"before": NOON.date(), "limit": 10}),
    "attachments_expires_at_idx": (attachment_store.PURGE, {"before": NOON, "limit": 10}),
    "suppressions_digest_idx": (
        suppressed_addresses._FIND,
        {"tenant_id": "tenant-1", "digests": [b"d" * 32]},
    ),
    "senders_default_idx": (sender_store._DEFAULT, {"tenant_id": "tenant-1", "channel": "EMAIL"}),
    "idempotency_keys_expires_at_idx": (maintenance._PURGE_KEYS, {"before": NOON, "limit": 10}),
    "device_tokens_user_idx": (
        recipient_store._DEVICES,
        {"tenant_id": "tenant-1", "user_id": "user-1", "limit": 10},
    ),
    "digests_notification_id_idx": (digests._CLOSE, REFS),
    "limits_revision_idx": (limit_store._CHANGED, CHANGES),
    "api_keys_revision_idx": (api_key_store._CHANGED, CHANGES),
    "event_deliveries_created_at_idx": (outgoing.PURGE, {"before": NOON, "limit": 10}),
    "event_deliveries_due_idx": (
        outgoing.DRAW,
        {"now": NOON, "most": 10, "limit": 100, "lease_until": NOON + dt.timedelta(seconds=40)},
    ),
    "event_deliveries_event_idx": (
        outgoing.REDELIVER,
        {
            "tenant_id": "tenant-1",
            "subscription_id": REF[1],
            "event_id": "e-1",
            "created_after": None,
            "created_before": None,
            "now": NOON,
            "give_up_at": NOON,
            "limit": 10,
        },
    ),
    "events_feed_idx": (feed.PAGE, FEED_PAGE),
    "tenant_events_pkey": (feed.PAGE, FEED_PAGE),
    "tenant_events_recorded_at_idx": (feed.PURGE, {"before": NOON, "limit": 10}),
    "deliveries_pkey": (sql.HOLD, REFS),
    "events_pkey": queries.timeline(REF, 0),
    "notifications_pkey": queries.one(REF),
    "idempotency_keys_pkey": (
        statements.KEYS,
        {"keys": json.dumps([{"tenant_id": "tenant-1", "key": "key-1"}]), "now": NOON},
    ),
}

#: Rows as they stand after some work: most at rest, of several tenants and users.
FILLED = (
    """
    INSERT INTO notifications (tenant_id, notification_id, user_id, template_name, template_version, recipient, subject,
        context_json, idempotency_key, locale, metadata, category, traceparent, created_at, collapsed_into)
    SELECT 'tenant-' || i %% 5, id, 'user-' || i %% 500, 'template-' || i %% 50, 1, '', '', '{{}}', '', '', '{{}}',
        '', '', '{now}', CASE WHEN i %% 20 = 0 THEN id END
    FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY r(id, i)
    """,
    """
    INSERT INTO deliveries (tenant_id, notification_id, status, channel, lane, guarantee, route, max_attempts, due_at,
        ready_at, fence, attempt, attempt_limit, route_index, provider, provider_message_id, failure_code,
        failure_message, updated_at, revision, sent_at, died_at, deferred_at)
    SELECT 'tenant-' || i %% 5, id, (CASE i %% 8 WHEN 0 THEN 'QUEUED' WHEN 1 THEN 'FAILED' ELSE 'SENT' END)::status,
        'EMAIL', 'LOW', 'AT_LEAST_ONCE', '{{smtp}}', 3, CASE WHEN i %% 8 = 0 THEN '{now}'::timestamptz END, '{now}', 1,
        1, 3, 0, 'smtp', '', CASE i %% 8 WHEN 1 THEN 'BUSY' ELSE '' END, '', '{now}', 3,
        CASE WHEN i %% 8 > 1 THEN '{now}'::timestamptz - i * interval '1 s' END,
        CASE WHEN i %% 8 = 1 THEN '{now}'::timestamptz END, CASE WHEN i %% 64 = 0 THEN '{now}'::timestamptz END
    FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY r(id, i)
    """,
    """
    INSERT INTO events (tenant_id, notification_id, sequence, recorded_at, kind, status)
    SELECT 'tenant-' || i %% 5, id, 1, '{now}', 'ACCEPTED', 'QUEUED'
    FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY r(id, i)
    """,
    """
    INSERT INTO idempotency_keys
    SELECT 'tenant-' || i %% 5, 'send', 'key-' || i, '', id, '{now}'::timestamptz + i * interval '1 min'
    FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY r(id, i)
    """,
    """
    INSERT INTO device_tokens SELECT 'tenant-' || i %% 5, id, 'user-' || i %% 500, '', '', '{now}'
    FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY r(id, i)
    """,
    """
    INSERT INTO digests SELECT 'tenant-' || i %% 5, int8send(i), id, '{now}'
    FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY r(id, i)
    """,
    """
    INSERT INTO limits (tenant_id, limit_id, kind, subject, amount, window_seconds, actor, updated_at)
    SELECT 'tenant-' || i, 'limit', '', '', 1, 0, '', '{now}' FROM generate_series(1, 2000) i
    """,
    """
    INSERT INTO api_keys (tenant_id, key_id, name, scopes, digest, created_at)
    SELECT 'tenant-' || i, 'key', '', '{{}}', '', '{now}' FROM generate_series(1, 2000) i
    """,
    """
    INSERT INTO tenant_events (tenant_id, event_id, recorded_at, type, data)
    SELECT 'tenant-' || i %% 5, id, '{now}'::timestamptz + i * interval '1 min', 'template.updated', '{{}}'
    FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY r(id, i)
    """,
    """
    INSERT INTO subscriptions (tenant_id, subscription_id, document, secret, former_secret, state, position,
        next_transaction, created_at, updated_at)
    SELECT 'tenant-' || i %% 5, id, '', '', '', 'ENABLED', '', 0, '{now}', '{now}'
    FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY r(id, i)
    """,
    """
    INSERT INTO event_deliveries (tenant_id, subscription_id, event_delivery_id, event_id, event, state, attempt,
        leased, due_at, give_up_at, created_at, answer_status, answer_body, error)
    SELECT 'tenant-' || i %% 5, id, id, 'e-' || i, '', 'PENDING', 0, FALSE,
        CASE WHEN i %% 8 = 0 THEN '{now}'::timestamptz END, '{now}',
        '{now}'::timestamptz + i * interval '1 min', 0, '', ''
    FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY r(id, i)
    """,
    "ANALYZE",
)


@pytest.fixture(scope="module")
def explain(postgres_server: str, migrated_template: str) -> Iterator[Callable[..., set[str]]]:
    """The indexes by which PostgreSQL would answer a statement, those of partitions by their tables' names."""
    name = "test_indexes"
    with psycopg.connect(postgres_server, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{migrated_template}" STRATEGY file_copy')
        with psycopg.connect(postgres_server.rpartition("/")[0] + f"/{name}", autocommit=True) as connection:
            ids = [uuid7(NOON + dt.timedelta(milliseconds=number)) for number in range(4_000)]
            for statement in FILLED:
                connection.execute(statement.format(now=NOON.isoformat()), {"ids": ids})
            parents = dict(
                connection.execute("SELECT inhrelid::regclass::text, inhparent::regclass::text FROM pg_inherits")
            )
            for setting in (*PLANS, "enable_bitmapscan"):
                connection.execute(f"SET {setting} = {PLANS.get(setting, 'on')}")

            def used(statement: str, parameters: Mapping[str, Any]) -> set[str]:
                row = connection.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters).fetchone()
                assert row is not None
                return {parents.get(index, index) for index in indexes(row[0][0]["Plan"])}

            yield used
        server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def indexes(plan: dict[str, Any]) -> Iterator[str]:
    if "Index Name" in plan:
        yield plan["Index Name"]
    for below in plan.get("Plans", ()):
        yield from indexes(below)


@pytest.mark.parametrize("index", READERS)
def test_an_index_serves_its_reader(index: str, explain: Callable[..., set[str]]):
    assert index in explain(*READERS[index])


def test_every_index_names_a_reader_that_there_is():
    indexes = {index.name for table in tables.metadata.tables.values() for index in table.indexes}
    assert index_readers.READERS.keys() == indexes == {name for name in READERS if not name.endswith("_pkey")}
    for reader in index_readers.READERS.values():
        module, _, name = reader.partition(":")
        assert getattr(importlib.import_module(module), name), reader
