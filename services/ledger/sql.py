"""The statements of the hot path, written by hand.

Each takes a whole batch as one JSON parameter: measured, that is the cheapest way to hand over many rows, and one
statement means one plan, one round trip and, where it stands alone, one transaction. Whatever time a statement needs is
a parameter: the clock is the caller's. Rows are written and locked in the order of their keys, so that two batches
never wait for each other in a circle.
"""

from __future__ import annotations

from services.ledger.delivery import Delivery

# What the statements call a batch of references.
_REFS = "json_to_recordset(%(refs)s::json) AS r(tenant_id text, notification_id uuid)"

# A delivery's columns in the order of the class, ids as text.
_DELIVERY = ", ".join(
    "d.notification_id::text" if name == "notification_id" else f"d.{name}" for name in Delivery._fields
)

# Records entries and tells which it did not, because their key is known. An entry's key, content, state and first
# event come into being together. An expired key is taken over; ON CONFLICT waits for a concurrent transaction that
# holds the same key, so that of any number of equal requests one is recorded. Refused keys are found by "NOT IN", which
# PostgreSQL answers from a hashed list, whatever joins are allowed. A known notification_id is a unique violation.
RECORD = """
WITH entry AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%(entries)s::json) AS r(
        tenant_id text, notification_id uuid, user_id text, template_name text, template_version integer,
        recipient text, subject text, context_json text, idempotency_key text, fingerprint bytea, locale text,
        metadata json, category text, traceparent text, not_before timestamptz, channel channel, lane lane,
        guarantee guarantee, route text[], max_attempts integer, expires_at timestamptz, status status,
        due_at timestamptz, ready_at timestamptz, decisions json)
), owned AS (
    INSERT INTO idempotency_keys AS k (tenant_id, method, key, fingerprint, notification_id, expires_at)
    SELECT tenant_id, 'send', idempotency_key, fingerprint, notification_id, %(keys_expire_at)s
    FROM entry WHERE idempotency_key <> '' ORDER BY tenant_id, idempotency_key
    ON CONFLICT (tenant_id, method, key) DO UPDATE
        SET fingerprint = excluded.fingerprint, notification_id = excluded.notification_id,
            expires_at = excluded.expires_at
        WHERE k.expires_at <= %(now)s
    RETURNING tenant_id, notification_id
), fresh AS MATERIALIZED (
    SELECT * FROM entry
    WHERE idempotency_key = '' OR (tenant_id, notification_id) IN (SELECT tenant_id, notification_id FROM owned)
), content AS (
    INSERT INTO notifications (tenant_id, notification_id, user_id, template_name, template_version, recipient,
        subject, context_json, idempotency_key, locale, metadata, category, traceparent, not_before, created_at)
    SELECT tenant_id, notification_id, user_id, template_name, template_version, recipient,
        subject, context_json, idempotency_key, locale, metadata, category, traceparent, not_before, %(now)s
    FROM fresh
), state AS (
    INSERT INTO deliveries (tenant_id, notification_id, status, channel, lane, guarantee, route, max_attempts,
        expires_at, due_at, ready_at, fence, attempt, attempt_limit, route_index, provider, provider_message_id,
        failure_code, failure_message, updated_at, revision)
    SELECT tenant_id, notification_id, status, channel, lane, guarantee, route, max_attempts,
        expires_at, due_at, ready_at, 0, 0, max_attempts, 0, '', '', '', '', %(now)s, 1
    FROM fresh
), event AS (
    INSERT INTO events (tenant_id, notification_id, sequence, recorded_at, kind, status, decisions)
    SELECT tenant_id, notification_id, 1, %(now)s, 'ACCEPTED', status, decisions FROM fresh
)
SELECT tenant_id, notification_id::text FROM entry
WHERE idempotency_key <> '' AND (tenant_id, notification_id) NOT IN (SELECT tenant_id, notification_id FROM owned)
"""

# What keys were used for, and where that stands. A statement of its own: it must see what others have committed while
# RECORD waited for them.
KEYS = """
SELECT k.tenant_id, k.key, k.fingerprint, k.notification_id::text, d.status
FROM json_to_recordset(%(keys)s::json) AS r(tenant_id text, key text)
JOIN idempotency_keys k ON k.tenant_id = r.tenant_id AND k.method = 'send' AND k.key = r.key
LEFT JOIN deliveries d ON d.tenant_id = k.tenant_id AND d.notification_id = k.notification_id
WHERE k.expires_at > %(now)s
"""

# Where notifications stand.
STATUSES = f"""
SELECT d.tenant_id, d.notification_id::text, d.status, d.revision
FROM {_REFS} JOIN deliveries d USING (tenant_id, notification_id)
"""  # noqa: S608 -- made of constants

# Draws due deliveries of a lane, longest due first, past those that another draw holds. Being drawn only moves the time
# of the next look: until it is claimed, a delivery keeps its status.
DRAW = """
WITH due AS (
    SELECT tenant_id, notification_id, due_at FROM deliveries
    WHERE lane = %(lane)s AND due_at <= %(now)s
    ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE deliveries d SET due_at = %(redispatch_at)s FROM due
WHERE d.tenant_id = due.tenant_id AND d.notification_id = due.notification_id
RETURNING d.tenant_id, d.notification_id::text, due.due_at,
    d.status <> 'SENDING' AND d.expires_at IS NOT NULL AND d.expires_at <= %(now)s
"""

# Reads deliveries and holds them until the transaction ends. Others wait, which is short: nobody keeps them held while
# calling anyone but the database.
HOLD = f"""
SELECT {_DELIVERY} FROM {_REFS} JOIN deliveries d USING (tenant_id, notification_id)
ORDER BY d.tenant_id, d.notification_id FOR UPDATE OF d
"""  # noqa: S608 -- made of constants

# Writes the new states of held deliveries and the events that led to them.
CHANGE = """
WITH changed AS (
    UPDATE deliveries d
    SET status = r.status, due_at = r.due_at, ready_at = r.ready_at, lease_until = r.lease_until, fence = r.fence,
        attempt = r.attempt, attempt_limit = r.attempt_limit, route_index = r.route_index, provider = r.provider,
        provider_message_id = r.provider_message_id, failure_code = r.failure_code,
        failure_message = r.failure_message, early_receipt = r.early_receipt, last_attempt_at = r.last_attempt_at,
        sent_at = r.sent_at, delivered_at = r.delivered_at, updated_at = r.updated_at, revision = r.revision,
        died_at = r.died_at
    FROM json_to_recordset(%(deliveries)s::json) AS r(
        tenant_id text, notification_id uuid, status status, due_at timestamptz, ready_at timestamptz,
        lease_until timestamptz, fence bigint, attempt integer, attempt_limit integer, route_index integer,
        provider text, provider_message_id text, failure_code text, failure_message text, early_receipt json,
        last_attempt_at timestamptz, sent_at timestamptz, delivered_at timestamptz, updated_at timestamptz,
        revision integer, died_at timestamptz)
    WHERE d.tenant_id = r.tenant_id AND d.notification_id = r.notification_id
)
INSERT INTO events (tenant_id, notification_id, sequence, recorded_at, kind, status, attempt, fence, provider, outcome,
    latency_ms, provider_message_id, failure_code, failure_message, reported, decisions, next_attempt_at, lease_until,
    actor, worker)
SELECT tenant_id, notification_id, sequence, %(now)s, kind, status, attempt, fence, provider, outcome,
    latency_ms, provider_message_id, failure_code, failure_message, reported, decisions, next_attempt_at, lease_until,
    actor, worker
FROM json_to_recordset(%(events)s::json) AS r(
    tenant_id text, notification_id uuid, sequence integer, kind event_kind, status status, attempt integer,
    fence bigint, provider text, outcome outcome, latency_ms double precision, provider_message_id text,
    failure_code text, failure_message text, reported status, decisions json, next_attempt_at timestamptz,
    lease_until timestamptz, actor text, worker text)
"""

# What a worker needs to send, besides the state.
CONTENT = f"""
SELECT n.tenant_id, n.notification_id::text, n.user_id, n.recipient, n.subject, n.context_json, n.template_name,
    n.template_version, n.locale, n.traceparent, n.created_at
FROM {_REFS} JOIN notifications n USING (tenant_id, notification_id)
"""  # noqa: S608 -- made of constants

# The receipts that deliveries already have: a provider repeats itself.
RECEIPTS = f"""
SELECT e.tenant_id, e.notification_id::text, e.provider, e.provider_message_id, e.reported
FROM {_REFS} JOIN events e USING (tenant_id, notification_id)
WHERE e.kind = 'RECEIPT'
"""  # noqa: S608 -- made of constants

# Deletes some keys that nobody asks for any more.
PURGE_KEYS = """
DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM idempotency_keys WHERE expires_at <= %(before)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
"""
