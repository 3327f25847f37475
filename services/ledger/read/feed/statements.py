"""What the feed asks PostgreSQL."""

from __future__ import annotations

_HORIZON = """
pg_snapshot_xmin(pg_current_snapshot())::text::bigint
    + coalesce((SELECT revision FROM revisions WHERE subject = 'feed_base'), 0)
"""

#: Transactions below this have ended, and what they committed can be seen by every later statement.
HORIZON = f"SELECT {_HORIZON}"

# Rows of timelines and events that are about no notification, in the feed's order, as far as the walk goes; of those
# the ones that may be wanted, and the last, at which the next page begins.
PAGE = """
WITH walk AS MATERIALIZED (
    SELECT *, row_number() OVER (ORDER BY transaction_id, id, sequence) AS place FROM (
        (SELECT transaction_id, notification_id AS id, sequence, recorded_at, kind::text, status::text, attempt,
            provider, provider_message_id, failure_code, failure_message, decisions, actor,
            NULL::text AS type, NULL::json AS data
        FROM events
        WHERE tenant_id = %(tenant_id)s AND kind <> 'ATTEMPT_STARTED'
            AND transaction_id >= %(transaction)s AND transaction_id < %(horizon)s
            AND (transaction_id, notification_id, sequence)
                >= (%(transaction)s, %(id)s::uuid, %(first_row)s)
        ORDER BY transaction_id, notification_id, sequence LIMIT %(walk)s)
        UNION ALL
        (SELECT transaction_id, event_id, 0, recorded_at, '', '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, type, data
        FROM tenant_events
        WHERE tenant_id = %(tenant_id)s
            AND transaction_id >= %(transaction)s AND transaction_id < %(horizon)s
            AND (transaction_id, event_id) >= (%(transaction)s, %(id)s::uuid)
        ORDER BY transaction_id, event_id LIMIT %(walk)s)
    ) AS all_events ORDER BY transaction_id, id, sequence LIMIT %(walk)s
)
SELECT w.place, w.transaction_id, w.id::text, w.sequence, w.recorded_at, w.kind, w.status, w.attempt,
    w.provider, w.provider_message_id, w.failure_code, w.failure_message, w.decisions, w.actor, w.type, w.data,
    (SELECT p.status::text FROM events p WHERE p.tenant_id = %(tenant_id)s AND p.notification_id = w.id
        AND p.sequence = w.sequence - 1) AS before,
    w.status IN ('FAILED', 'UNDELIVERED') AND EXISTS (
        SELECT FROM events f WHERE f.tenant_id = %(tenant_id)s AND f.notification_id = w.id
        AND f.sequence = w.sequence + 1 AND f.kind = 'FALLBACK') AS moved_on,
    n.user_id, n.template_name, n.template_version, n.category, n.metadata, n.idempotency_key, n.traceparent, d.channel
FROM walk w
LEFT JOIN notifications n ON n.tenant_id = %(tenant_id)s AND n.notification_id = w.id AND w.type IS NULL
LEFT JOIN deliveries d ON d.tenant_id = %(tenant_id)s AND d.notification_id = w.id AND w.type IS NULL
WHERE w.type = ANY (%(types)s) OR w.status = ANY (%(statuses)s) OR (w.kind = 'ACCEPTED' AND %(accepted)s)
    OR w.place = %(walk)s
ORDER BY w.place
"""

#: Of many feeds, the last transaction that has events in it.
LAST = f"""
SELECT r.tenant_id, greatest(
    (SELECT transaction_id FROM events e WHERE e.tenant_id = r.tenant_id AND e.kind <> 'ATTEMPT_STARTED'
        AND e.transaction_id < h.horizon ORDER BY e.transaction_id DESC LIMIT 1),
    (SELECT transaction_id FROM tenant_events t WHERE t.tenant_id = r.tenant_id
        AND t.transaction_id < h.horizon ORDER BY t.transaction_id DESC LIMIT 1)
)
FROM unnest(%(tenants)s::text[]) AS r (tenant_id),
    (SELECT {_HORIZON} AS horizon OFFSET 0) AS h
"""  # noqa: S608 -- made of constants

#: Deletes events that are about no notification, once they are as old as notifications become.
PURGE = """
DELETE FROM tenant_events WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM tenant_events WHERE recorded_at <= %(before)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
"""
