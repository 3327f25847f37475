"""Who a tenant's notifications may come from."""

from __future__ import annotations

from alembic import op

revision = "0009f"
down_revision = "0009e"
#: A table that the release before does not know.
release = "before"

_MINE = "(SELECT nullif(current_setting('pulse.tenants', true), '')::jsonb) -> tenant_id IS NOT NULL"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE IF NOT EXISTS senders (
            tenant_id text NOT NULL,
            name text NOT NULL,
            channel channel NOT NULL,
            address text NOT NULL,
            display_name text NOT NULL,
            reply_to text NOT NULL,
            is_default boolean NOT NULL,
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL,
            CONSTRAINT senders_pkey PRIMARY KEY (tenant_id, name)
        )
        """
    )
    # A channel has one default at the most.
    op.execute("CREATE UNIQUE INDEX IF NOT EXISTS senders_default_idx ON senders (tenant_id, channel) WHERE is_default")
    op.execute("ALTER TABLE senders ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE senders FORCE ROW LEVEL SECURITY")
    op.execute("DROP POLICY IF EXISTS tenants ON senders")
    op.execute("DROP POLICY IF EXISTS platform ON senders")
    op.execute(f"CREATE POLICY tenants ON senders TO pulse_app USING ({_MINE}) WITH CHECK ({_MINE})")
    op.execute("CREATE POLICY platform ON senders TO pulse_platform USING (true) WITH CHECK (true)")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON senders TO pulse_app, pulse_platform")
