"""The statements by which deliveries are held, looked into and changed; ``services.ledger.postgres.sql`` says how such
statements are made.
"""

from __future__ import annotations

from services.ledger.postgres.older_rows import DRAWN_WRITTEN, KNOWN, REFUSED_DEVICES
from services.ledger.postgres.sql import DELIVERY, REFS

# Reads deliveries and holds them until the transaction ends. Others wait, which is short: nobody keeps them held while
# calling anyone but the database.
HOLD = f"""
SELECT {DELIVERY}, {KNOWN} FROM {REFS} JOIN deliveries d USING (tenant_id, notification_id)
ORDER BY d.tenant_id, d.notification_id FOR UPDATE OF d
"""  # noqa: S608 -- made of constants

# Writes the new states of held deliveries and the events that led to them.
CHANGE = f"""
WITH changed AS (
    UPDATE deliveries d
    SET status = r.status, due_at = r.due_at, ready_at = r.ready_at, lease_until = r.lease_until, fence = r.fence,
        attempt = r.attempt, attempt_limit = r.attempt_limit, route_index = r.route_index, provider = r.provider,
        provider_message_id = r.provider_message_id, failure_code = r.failure_code,
        failure_message = r.failure_message, early_receipt = r.early_receipt, last_attempt_at = r.last_attempt_at,
        sent_at = r.sent_at, delivered_at = r.delivered_at, updated_at = r.updated_at, revision = r.revision,
        died_at = r.died_at, channel = r.channel, route = r.route, fallback_index = r.fallback_index,
        fallback_at = r.fallback_at, deferred_at = r.deferred_at, drawn = {DRAWN_WRITTEN},
        device_token_id = r.device_token_id, refused_devices = r.refused_devices, rests = r.rests, losses = r.losses,
        state_revision = r.revision
    FROM json_to_recordset(%(deliveries)s::json) AS r(
        tenant_id text, notification_id uuid, status status, due_at timestamptz, ready_at timestamptz,
        lease_until timestamptz, fence bigint, attempt integer, attempt_limit integer, route_index integer,
        provider text, provider_message_id text, failure_code text, failure_message text, early_receipt json,
        last_attempt_at timestamptz, sent_at timestamptz, delivered_at timestamptz, updated_at timestamptz,
        revision integer, died_at timestamptz, channel channel, route text[], fallback_index integer,
        fallback_at timestamptz, deferred_at timestamptz, drawn boolean, device_token_id uuid, refused_devices uuid[],
        rests json, losses integer)
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
"""  # noqa: S608 -- made of constants

# Whether notification n's device t was refused for good, since it was last replayed: it goes to another then.
DEVICE_REFUSED = f"""EXISTS (
    SELECT FROM deliveries d
    WHERE d.tenant_id = n.tenant_id AND d.notification_id = n.notification_id
        AND t.device_token_id = ANY ({REFUSED_DEVICES})
)"""

# The receipts that deliveries already have: a provider repeats itself.
RECEIPTS = f"""
SELECT e.tenant_id, e.notification_id::text, e.provider, e.provider_message_id, e.reported
FROM {REFS} JOIN events e USING (tenant_id, notification_id)
WHERE e.kind = 'RECEIPT'
"""  # noqa: S608 -- made of constants
