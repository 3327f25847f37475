"""What subscriptions and their deliveries ask PostgreSQL."""

from __future__ import annotations

SUBSCRIPTION = "subscription_id::text, document, state, failing_since, created_at, updated_at"

IN_TURN = "SELECT pg_advisory_xact_lock(hashtextextended(%(tenant_id)s || E'\\x01subscriptions', 0))"

COUNT = "SELECT count(*) FROM subscriptions WHERE tenant_id = %(tenant_id)s"

CREATE = f"""
INSERT INTO subscriptions (tenant_id, subscription_id, document, secret, former_secret, state, position,
    next_transaction, created_at, updated_at)
VALUES (%(tenant_id)s, %(subscription_id)s, %(document)s, %(secret)s, '', 'ENABLED', %(position)s,
    %(next_transaction)s, %(now)s, %(now)s)
RETURNING {SUBSCRIPTION}
"""  # noqa: S608 -- made of constants

LIST = f"""
SELECT {SUBSCRIPTION} FROM subscriptions WHERE tenant_id = %(tenant_id)s ORDER BY created_at DESC, subscription_id
"""  # noqa: S608 -- made of constants

ONE = f"""
SELECT {SUBSCRIPTION} FROM subscriptions WHERE tenant_id = %(tenant_id)s AND subscription_id = %(subscription_id)s
"""  # noqa: S608 -- made of constants

UPDATE = f"""
UPDATE subscriptions SET document = %(document)s, updated_at = %(now)s
WHERE tenant_id = %(tenant_id)s AND subscription_id = %(subscription_id)s RETURNING {SUBSCRIPTION}
"""  # noqa: S608 -- made of constants

#: Resumed, it has five days again before it is disabled.
SET_STATE = f"""
UPDATE subscriptions SET state = %(state)s, updated_at = %(now)s,
    failing_since = CASE WHEN %(state)s = 'ENABLED' THEN NULL ELSE failing_since END, rest_until = NULL
WHERE tenant_id = %(tenant_id)s AND subscription_id = %(subscription_id)s RETURNING {SUBSCRIPTION}
"""  # noqa: S608 -- made of constants

ROTATE = """
UPDATE subscriptions SET former_secret = secret, former_until = %(former_until)s, secret = %(secret)s,
    updated_at = %(now)s
WHERE tenant_id = %(tenant_id)s AND subscription_id = %(subscription_id)s
"""

DELETE_DELIVERIES = """
DELETE FROM event_deliveries WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM event_deliveries
    WHERE tenant_id = %(tenant_id)s AND subscription_id = %(subscription_id)s LIMIT %(limit)s))
"""

DELETE = "DELETE FROM subscriptions WHERE tenant_id = %(tenant_id)s AND subscription_id = %(subscription_id)s"

DELIVERY = """event_delivery_id::text, event, state, attempt, created_at, due_at, answered_at, latency_ms,
    answer_status, answer_body, error"""

#: Ids begin with their time: the last first.
DELIVERIES = f"""
SELECT {DELIVERY} FROM event_deliveries
WHERE tenant_id = %(tenant_id)s AND subscription_id = %(subscription_id)s AND event_delivery_id < %(before)s
    AND (state = %(state)s OR %(state)s = '')
ORDER BY event_delivery_id DESC LIMIT %(limit)s
"""  # noqa: S608 -- made of constants

#: One for each event of a subscription, whoever plans it twice.
PLAN = """
INSERT INTO event_deliveries (tenant_id, subscription_id, event_delivery_id, event_id, event, state, attempt, leased,
    due_at, give_up_at, created_at, answer_status, answer_body, error)
SELECT %(tenant_id)s::text, %(subscription_id)s::uuid, p.id, p.event_id, p.event, 'PENDING', 0, FALSE,
    %(now)s::timestamptz, %(give_up_at)s::timestamptz, %(now)s::timestamptz, 0, '', ''
FROM unnest(%(ids)s::uuid[], %(event_ids)s::text[], %(events)s::bytea[]) AS p (id, event_id, event)
ON CONFLICT (tenant_id, subscription_id, event_id) DO NOTHING
"""

ADD = f"{PLAN} RETURNING {DELIVERY}"

ADVANCE = """
UPDATE subscriptions SET position = %(position)s, next_transaction = %(next_transaction)s
WHERE tenant_id = %(tenant_id)s AND subscription_id = %(subscription_id)s
"""

REDELIVER = """
UPDATE event_deliveries SET state = 'PENDING', leased = FALSE, due_at = %(now)s, give_up_at = %(give_up_at)s
WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM event_deliveries
    WHERE tenant_id = %(tenant_id)s AND subscription_id = %(subscription_id)s AND due_at IS NULL
        AND (event_id = %(event_id)s
            OR (%(event_id)s = '' AND created_at >= %(created_after)s AND created_at < %(created_before)s))
    LIMIT %(limit)s FOR UPDATE))
"""

#: Those who draw take turns, so that what is leased of one endpoint is counted.
DRAW_IN_TURN = "SELECT pg_advisory_xact_lock(%(lock)s)"

# However many endpoints, or events, a tenant has: the first of each tenant comes before the second of any.
_TENANTS_IN_TURN = "row_number() OVER (PARTITION BY s.tenant_id ORDER BY random()), random()"

#: Subscriptions that have something before them in their feeds, and not too much on its way; and those that are ahead.
BEHIND = f"""
SELECT s.tenant_id, s.subscription_id::text, s.document, s.position FROM subscriptions s
WHERE s.state = 'ENABLED' AND (
    s.next_transaction > %(horizon)s
    OR EXISTS (SELECT FROM events e WHERE e.tenant_id = s.tenant_id AND e.kind <> 'ATTEMPT_STARTED'
        AND e.transaction_id >= s.next_transaction AND e.transaction_id < %(horizon)s)
    OR EXISTS (SELECT FROM tenant_events t WHERE t.tenant_id = s.tenant_id
        AND t.transaction_id >= s.next_transaction AND t.transaction_id < %(horizon)s)
) AND (SELECT count(*) FROM (
    SELECT FROM event_deliveries d WHERE d.tenant_id = s.tenant_id AND d.subscription_id = s.subscription_id
        AND d.due_at IS NOT NULL LIMIT %(most_waiting)s) AS w) < %(most_waiting)s
ORDER BY {_TENANTS_IN_TURN} LIMIT %(limit)s
"""  # noqa: S608 -- made of constants

DRAW = f"""
WITH due AS (
    SELECT s.tenant_id, s.subscription_id, s.document, s.secret,
        CASE WHEN s.former_until > %(now)s THEN s.former_secret ELSE '' END AS former_secret, d.event_delivery_id
    FROM subscriptions s CROSS JOIN LATERAL (
        SELECT e.event_delivery_id FROM event_deliveries e
        WHERE e.tenant_id = s.tenant_id AND e.subscription_id = s.subscription_id AND e.due_at <= %(now)s
        ORDER BY e.due_at LIMIT greatest(0, CASE WHEN s.failing_since IS NULL THEN %(most)s ELSE 1 END - (
            SELECT count(*) FROM event_deliveries l WHERE l.tenant_id = s.tenant_id
            AND l.subscription_id = s.subscription_id AND l.due_at > %(now)s AND l.leased))
    ) AS d
    WHERE s.state = 'ENABLED' AND (s.rest_until IS NULL OR s.rest_until <= %(now)s)
    ORDER BY {_TENANTS_IN_TURN} LIMIT %(limit)s
)
UPDATE event_deliveries e SET leased = TRUE, due_at = %(lease_until)s, attempt = e.attempt + 1
FROM due WHERE e.tenant_id = due.tenant_id AND e.subscription_id = due.subscription_id
    AND e.event_delivery_id = due.event_delivery_id
RETURNING e.tenant_id, e.subscription_id::text, e.event_delivery_id::text, e.attempt, due.document, due.secret,
    due.former_secret, e.event
"""  # noqa: S608 -- made of constants

# Subscriptions are locked before their deliveries, as by who draws.
LEASED = """
SELECT d.give_up_at, s.failing_since FROM event_deliveries d JOIN subscriptions s USING (tenant_id, subscription_id)
WHERE d.tenant_id = %(tenant_id)s AND d.subscription_id = %(subscription_id)s
    AND d.event_delivery_id = %(event_delivery_id)s AND d.attempt = %(attempt)s AND d.leased
FOR UPDATE OF s
"""

SETTLE = """
UPDATE event_deliveries SET state = %(state)s, due_at = %(due_at)s, leased = FALSE, answered_at = %(now)s,
    latency_ms = %(latency_ms)s, answer_status = %(status)s, answer_body = %(body)s, error = %(error)s
WHERE tenant_id = %(tenant_id)s AND subscription_id = %(subscription_id)s
    AND event_delivery_id = %(event_delivery_id)s AND attempt = %(attempt)s AND leased
"""

SUCCEEDED = """
UPDATE subscriptions SET failing_since = NULL, rest_until = NULL
WHERE tenant_id = %(tenant_id)s AND subscription_id = %(subscription_id)s AND failing_since IS NOT NULL
"""

FAILED = """
UPDATE subscriptions SET failing_since = coalesce(failing_since, %(failing_since)s),
    rest_until = coalesce(%(rest_until)s, rest_until)
WHERE tenant_id = %(tenant_id)s AND subscription_id = %(subscription_id)s
"""

DISABLE = """
UPDATE subscriptions SET state = 'DISABLED', updated_at = %(now)s
WHERE tenant_id = %(tenant_id)s AND subscription_id = %(subscription_id)s AND state = 'ENABLED'
"""

#: For the feed.
TELL_DISABLED = """
INSERT INTO tenant_events (tenant_id, event_id, recorded_at, type, data)
VALUES (%(tenant_id)s, %(event_id)s, %(now)s, 'subscription.disabled', %(data)s)
"""

#: Forgets deliveries that are as old as notifications become.
PURGE = """
DELETE FROM event_deliveries WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM event_deliveries WHERE created_at <= %(before)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
"""
