"""The first schema."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
release = "before"

_TYPES = (
    """
    CREATE TYPE status AS ENUM (
        'SCHEDULED', 'QUEUED', 'SENDING', 'RETRYING', 'SENT', 'DELIVERED',
        'UNDELIVERED', 'FAILED', 'UNKNOWN', 'EXPIRED', 'CANCELLED', 'SUPPRESSED'
    )
    """,
    """
    CREATE TYPE channel AS ENUM ('EMAIL', 'SMS', 'PUSH')
    """,
    """
    CREATE TYPE lane AS ENUM ('HIGH', 'LOW')
    """,
    """
    CREATE TYPE guarantee AS ENUM ('AT_LEAST_ONCE', 'AT_MOST_ONCE')
    """,
    """
    CREATE TYPE event_kind AS ENUM (
        'ACCEPTED', 'ATTEMPT_STARTED', 'ATTEMPT_ENDED', 'RECEIPT', 'CANCELLED',
        'EXPIRED', 'DEFERRED', 'SUPPRESSED', 'REPLAYED'
    )
    """,
    """
    CREATE TYPE outcome AS ENUM (
        'SUCCEEDED', 'TRANSIENT_FAILURE', 'PERMANENT_FAILURE',
        'UNANSWERED', 'RELEASED'
    )
    """,
)

_TABLES = (
    """
    CREATE TABLE notifications (
        tenant_id text NOT NULL,
        notification_id uuid NOT NULL,
        user_id text NOT NULL,
        template_name text NOT NULL,
        template_version integer NOT NULL,
        recipient text NOT NULL,
        subject text NOT NULL,
        context_json text NOT NULL,
        idempotency_key text NOT NULL,
        locale text NOT NULL,
        metadata json NOT NULL,
        category text NOT NULL,
        traceparent text NOT NULL,
        not_before timestamptz,
        created_at timestamptz NOT NULL,
        CONSTRAINT notifications_pkey PRIMARY KEY (tenant_id, notification_id)
    ) PARTITION BY RANGE (notification_id)
    """,
    """
    CREATE INDEX notifications_template_idx
    ON notifications (tenant_id, template_name, notification_id) WHERE template_name <> ''
    """,
    """
    CREATE INDEX notifications_user_idx
    ON notifications (tenant_id, user_id, notification_id) WHERE user_id <> ''
    """,
    """
    CREATE TABLE deliveries (
        tenant_id text NOT NULL,
        notification_id uuid NOT NULL,
        status status NOT NULL,
        channel channel NOT NULL,
        lane lane NOT NULL,
        guarantee guarantee NOT NULL,
        route text[] NOT NULL,
        max_attempts integer NOT NULL,
        expires_at timestamptz,
        due_at timestamptz,
        ready_at timestamptz NOT NULL,
        lease_until timestamptz,
        fence bigint NOT NULL,
        attempt integer NOT NULL,
        attempt_limit integer NOT NULL,
        route_index integer NOT NULL,
        provider text NOT NULL,
        provider_message_id text NOT NULL,
        failure_code text NOT NULL,
        failure_message text NOT NULL,
        early_receipt json,
        last_attempt_at timestamptz,
        sent_at timestamptz,
        delivered_at timestamptz,
        updated_at timestamptz NOT NULL,
        revision integer NOT NULL,
        CONSTRAINT deliveries_pkey PRIMARY KEY (tenant_id, notification_id)
    ) PARTITION BY RANGE (notification_id)
    """,
    """
    CREATE INDEX deliveries_due_idx
    ON deliveries (lane, due_at)
    WHERE due_at IS NOT NULL
    """,
    """
    CREATE INDEX deliveries_failure_idx
    ON deliveries (tenant_id, failure_code, notification_id)
    WHERE failure_code <> ''
    """,
    """
    CREATE INDEX deliveries_troubled_idx
    ON deliveries (tenant_id, status, notification_id)
    WHERE status IN ('SCHEDULED', 'RETRYING', 'UNDELIVERED', 'FAILED', 'UNKNOWN',
                     'EXPIRED', 'CANCELLED', 'SUPPRESSED')
    """,
    """
    CREATE TABLE events (
        tenant_id text NOT NULL,
        notification_id uuid NOT NULL,
        sequence integer NOT NULL,
        recorded_at timestamptz NOT NULL,
        kind event_kind NOT NULL,
        status status NOT NULL,
        attempt integer,
        fence bigint,
        provider text,
        outcome outcome,
        latency_ms double precision,
        provider_message_id text,
        failure_code text,
        failure_message text,
        reported status,
        decisions json,
        next_attempt_at timestamptz,
        lease_until timestamptz,
        actor text,
        worker text,
        CONSTRAINT events_pkey PRIMARY KEY (tenant_id, notification_id, sequence)
    ) PARTITION BY RANGE (notification_id)
    """,
    """
    CREATE TABLE idempotency_keys (
        tenant_id text NOT NULL,
        method text NOT NULL,
        key text NOT NULL,
        fingerprint bytea NOT NULL,
        notification_id uuid NOT NULL,
        expires_at timestamptz NOT NULL,
        CONSTRAINT idempotency_keys_pkey PRIMARY KEY (tenant_id, method, key)
    )
    """,
    """
    CREATE INDEX idempotency_keys_expires_at_idx
    ON idempotency_keys USING brin (expires_at)
    """,
    """
    CREATE TABLE templates (
        tenant_id text NOT NULL,
        name text NOT NULL,
        version integer NOT NULL,
        created_at timestamptz NOT NULL,
        deleted_at timestamptz,
        CONSTRAINT templates_pkey PRIMARY KEY (tenant_id, name)
    )
    """,
    """
    CREATE TABLE template_versions (
        tenant_id text NOT NULL,
        name text NOT NULL,
        version integer NOT NULL,
        channel channel NOT NULL,
        priority lane,
        category text NOT NULL,
        default_locale text NOT NULL,
        contents jsonb NOT NULL,
        variables text[] NOT NULL,
        created_at timestamptz NOT NULL,
        CONSTRAINT template_versions_pkey PRIMARY KEY (tenant_id, name, version)
    )
    """,
    """
    CREATE TABLE notifications_default PARTITION OF notifications DEFAULT
    """,
    """
    CREATE TABLE deliveries_default PARTITION OF deliveries DEFAULT
    """,
    """
    CREATE TABLE events_default PARTITION OF events DEFAULT
    """,
    """
    CREATE VIEW attempts AS
    SELECT b.tenant_id, b.notification_id, b.attempt, b.fence, b.provider, b.worker, b.recorded_at AS started_at,
           b.lease_until, e.recorded_at AS ended_at, e.outcome, e.latency_ms, e.provider_message_id, e.failure_code,
           e.failure_message
    FROM events b
    LEFT JOIN events e
      ON e.tenant_id = b.tenant_id AND e.notification_id = b.notification_id AND e.fence = b.fence
     AND e.kind = 'ATTEMPT_ENDED'
    WHERE b.kind = 'ATTEMPT_STARTED'
    """,
)


def upgrade() -> None:
    for statement in (*_TYPES, *_TABLES):
        op.execute(statement)
