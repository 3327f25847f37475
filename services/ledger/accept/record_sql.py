"""The statements that record entries; how such statements are made, ``services.ledger.postgres.sql`` says."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Sequence

from services.ledger.accept import entry_columns
from services.ledger.accept.entry_columns import Draft
from services.ledger.postgres.columns import Batch, Shape
from services.ledger.postgres.compiling import Query

# An entry's key, content, state and first event come into being together. An expired key is taken over; ON CONFLICT
# waits for a concurrent transaction that holds the same key, so that of any number of equal requests one is recorded.
# A known notification_id is a unique violation.
_OWNED = """
), owned AS (
    INSERT INTO idempotency_keys AS k (tenant_id, method, key, fingerprint, notification_id, expires_at)
    SELECT tenant_id, 'send', idempotency_key, fingerprint, notification_id, key_expires_at
    FROM entry WHERE idempotency_key <> '' ORDER BY tenant_id, idempotency_key
    ON CONFLICT (tenant_id, method, key) DO UPDATE
        SET fingerprint = excluded.fingerprint, notification_id = excluded.notification_id,
            expires_at = excluded.expires_at
        WHERE k.expires_at <= %(now)s
    RETURNING tenant_id, notification_id
), fresh AS (
    SELECT * FROM entry
    WHERE idempotency_key = '' OR (tenant_id, notification_id) IN (TABLE owned)
"""

_INSERTED = """
), content AS (
    INSERT INTO notifications (tenant_id, notification_id, user_id, template_name, template_version, recipient,
        subject, context_json, idempotency_key, locale, metadata, category, traceparent, not_before, created_at,
        collapsed_into, asked)
    SELECT tenant_id, notification_id, user_id, template_name, template_version, recipient,
        subject, context_json, idempotency_key, locale, metadata, category, traceparent, not_before, %(now)s,
        collapsed_into, asked
    FROM placed
), state AS (
    INSERT INTO deliveries (tenant_id, notification_id, status, channel, lane, guarantee, route, max_attempts,
        expires_at, due_at, ready_at, fence, attempt, attempt_limit, route_index, provider, provider_message_id,
        failure_code, failure_message, updated_at, revision, fallbacks, fallback_at, drawn, state_revision)
    SELECT tenant_id, notification_id, status, channel, lane, guarantee, route, max_attempts,
        expires_at, due_at, ready_at, 0, 0, max_attempts, 0, '', '', '', '', %(now)s, 1, fallbacks, fallback_at,
        drawn, 1
    FROM placed
), event AS (
    INSERT INTO events (tenant_id, notification_id, sequence, recorded_at, kind, status, decisions)
    SELECT tenant_id, notification_id, 1, %(now)s, 'ACCEPTED', status, decisions FROM placed
)
"""

# Refused keys are found by "NOT IN", which PostgreSQL answers from a hashed list, whatever joins are allowed.
_KNOWN = """
SELECT tenant_id, notification_id::text, 'KNOWN' FROM entry
WHERE idempotency_key <> '' AND (tenant_id, notification_id) NOT IN (TABLE owned)
"""

# Whether nothing is known of an entry's recipient. To ask that here costs two look-ups, and none where the tenants have
# no profiles at all; a round trip of its own would cost every batch far more, though hardly any needs it. They are
# scalar on purpose: an EXISTS might be answered by reading the whole table.
_UNKNOWN = """(
    (SELECT TRUE FROM preferences WHERE tenant_id = ANY (%(tenants)s) LIMIT 1) IS NULL
    OR (SELECT TRUE FROM preferences p WHERE p.tenant_id = r.tenant_id AND p.user_id = r.user_id) IS NULL
) AND (
    (SELECT TRUE FROM suppressions WHERE tenant_id = ANY (%(tenants)s) LIMIT 1) IS NULL
    OR (SELECT TRUE FROM suppressions s WHERE s.tenant_id = r.tenant_id AND s.user_id = r.user_id LIMIT 1) IS NULL
)"""

_PLACED = f"""
{_OWNED}
), placed AS (
    SELECT f.*, NULL::uuid AS collapsed_into FROM fresh f
{_INSERTED}
{_KNOWN}
UNION ALL SELECT tenant_id, notification_id::text, 'PROFILE' FROM given WHERE NOT unknown
"""  # noqa: S608 -- made of constants

# The first of those that one digest tells opens it; ON CONFLICT waits for a concurrent transaction that opens the same,
# or closes it, so that none is collapsed into one that was sent already. An entry that would end before the digest is
# sent stays by itself: whatever has a template that tells digests tells one, its own at the least.
_PLACED_BY_DIGEST = f"""
{_OWNED}
), opened AS (
    INSERT INTO digests AS d (tenant_id, digest, notification_id, ends_at)
    SELECT DISTINCT ON (tenant_id, digest) tenant_id, digest, notification_id, digest_ends_at
    FROM fresh WHERE digest IS NOT NULL ORDER BY tenant_id, digest, notification_id
    ON CONFLICT (tenant_id, digest) DO UPDATE
        SET notification_id = CASE WHEN d.ends_at > %(now)s THEN d.notification_id ELSE excluded.notification_id END,
            ends_at = CASE WHEN d.ends_at > %(now)s THEN d.ends_at ELSE excluded.ends_at END
    RETURNING tenant_id, digest, notification_id, ends_at
), joined AS (
    SELECT f.*, o.notification_id AS head,
        o.notification_id <> f.notification_id AND (f.expires_at IS NULL OR o.ends_at < f.expires_at) AS collapses
    FROM fresh f LEFT JOIN opened o USING (tenant_id, digest)
), placed AS (
    SELECT tenant_id, notification_id, user_id, template_name, template_version, recipient, subject, context_json,
        idempotency_key, locale, metadata, category, traceparent, not_before, channel, lane, guarantee, route,
        max_attempts, expires_at, fallbacks, drawn, asked,
        CASE WHEN collapses THEN 'SUPPRESSED' ELSE status END AS status,
        CASE WHEN collapses THEN NULL ELSE due_at END AS due_at,
        CASE WHEN collapses THEN %(now)s ELSE ready_at END AS ready_at,
        CASE WHEN collapses THEN NULL ELSE fallback_at END AS fallback_at,
        CASE WHEN collapses THEN collapsed_decisions ELSE decisions END AS decisions,
        CASE WHEN collapses THEN head WHEN tells_digest THEN notification_id END AS collapsed_into
    FROM joined
{_INSERTED}
{_KNOWN}
UNION ALL SELECT tenant_id, notification_id::text, 'COLLAPSED' FROM joined WHERE collapses
"""  # noqa: S608 -- made of constants


def record(drafts: Sequence[Draft], now: dt.datetime) -> Query:
    """Records entries of recipients of whom nothing is known, and tells which it did not: KNOWN is their key, or their
    recipient has a PROFILE, which must be looked at first.
    """
    return _query(_record, entry_columns.plain(drafts), drafts, now)


def record_considered(drafts: Sequence[Draft], now: dt.datetime) -> Query:
    """Records entries whose recipients' profiles were looked at, and tells which it did not, and which it COLLAPSED
    into the digest of an earlier one.
    """
    return _query(_record_considered, entry_columns.considered(drafts), drafts, now)


def _query(statement: Callable[[Shape], str], batch: Batch, drafts: Sequence[Draft], now: dt.datetime) -> Query:
    tenants = sorted({draft.entry.tenant_id for draft in drafts})
    return Query(statement(batch.shape), {**batch.parameters, "tenants": tenants, "now": now})


@functools.cache
def _record(shape: Shape) -> str:
    return _packed(f"""
WITH given AS (
    SELECT {_selected(shape)}, {_UNKNOWN} unknown FROM {shape.source}
), entry AS (
    SELECT * FROM given WHERE unknown
{_PLACED}
""")  # noqa: S608 -- made of constants


@functools.cache
def _record_considered(shape: Shape) -> str:
    return _packed(f"WITH entry AS (SELECT {_selected(shape)} FROM {shape.source} {_PLACED_BY_DIGEST}")  # noqa: S608


def _selected(shape: Shape) -> str:
    return ", ".join(value if value == f"r.{name}" else f"{value} {name}" for name, value in shape.values.items())


def _packed(text: str) -> str:
    """Without what only people read: what is longer than 4,096 characters, psycopg takes apart each time anew."""
    return " ".join(text.split())
