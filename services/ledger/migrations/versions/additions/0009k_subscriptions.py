"""Subscriptions to the feed, and what is on its way to their endpoints."""

from __future__ import annotations

from alembic import op

revision = "0009k"
down_revision = "0009j"
#: Tables that the release before does not know.
release = "before"

_MINE = "(SELECT nullif(current_setting('pulse.tenants', true), '')::jsonb) -> tenant_id IS NOT NULL"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE IF NOT EXISTS subscriptions (
            tenant_id text NOT NULL,
            subscription_id uuid NOT NULL,
            document bytea NOT NULL,
            secret text NOT NULL,
            former_secret text NOT NULL,
            former_until timestamptz,
            state text NOT NULL,
            position text NOT NULL,
            next_transaction bigint NOT NULL,
            failing_since timestamptz,
            rest_until timestamptz,
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL,
            CONSTRAINT subscriptions_pkey PRIMARY KEY (tenant_id, subscription_id)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE IF NOT EXISTS event_deliveries (
            tenant_id text NOT NULL,
            subscription_id uuid NOT NULL,
            event_delivery_id uuid NOT NULL,
            event_id text NOT NULL,
            event bytea NOT NULL,
            state text NOT NULL,
            attempt integer NOT NULL,
            leased boolean NOT NULL,
            due_at timestamptz,
            give_up_at timestamptz NOT NULL,
            created_at timestamptz NOT NULL,
            answered_at timestamptz,
            latency_ms double precision,
            answer_status integer NOT NULL,
            answer_body text NOT NULL,
            error text NOT NULL,
            CONSTRAINT event_deliveries_pkey PRIMARY KEY (tenant_id, subscription_id, event_delivery_id)
        )
        """
    )
    one_each = "event_deliveries (tenant_id, subscription_id, event_id)"
    op.execute(f"CREATE UNIQUE INDEX IF NOT EXISTS event_deliveries_event_idx ON {one_each}")
    due = "event_deliveries (tenant_id, subscription_id, due_at) WHERE due_at IS NOT NULL"
    op.execute(f"CREATE INDEX IF NOT EXISTS event_deliveries_due_idx ON {due}")
    op.execute("CREATE INDEX IF NOT EXISTS event_deliveries_created_at_idx ON event_deliveries (created_at)")
    for table in ("subscriptions", "event_deliveries"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"DROP POLICY IF EXISTS tenants ON {table}")
        op.execute(f"DROP POLICY IF EXISTS platform ON {table}")
        op.execute(f"CREATE POLICY tenants ON {table} TO pulse_app USING ({_MINE}) WITH CHECK ({_MINE})")
        op.execute(f"CREATE POLICY platform ON {table} TO pulse_platform USING (true) WITH CHECK (true)")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO pulse_app, pulse_platform")
