"""What providers charge, for each attempt and summed by day, in tables of their own."""

from __future__ import annotations

from alembic import op

revision = "0009m"
down_revision = "0009l"
#: Tables that the release before does not know.
release = "before"

_MINE = "(SELECT nullif(current_setting('pulse.tenants', true), '')::jsonb) -> tenant_id IS NOT NULL"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE IF NOT EXISTS prices (
            tenant_id text NOT NULL,
            notification_id uuid NOT NULL,
            provider text NOT NULL,
            provider_message_id text NOT NULL,
            amount numeric(15, 9) NOT NULL,
            currency text NOT NULL,
            told_at timestamptz NOT NULL,
            CONSTRAINT prices_pkey PRIMARY KEY (tenant_id, notification_id, provider, provider_message_id)
        )
        """
    )
    op.execute("CREATE INDEX IF NOT EXISTS prices_told_at_idx ON prices (told_at)")
    op.execute(
        """
        CREATE TABLE IF NOT EXISTS price_sums (
            tenant_id text NOT NULL,
            day date NOT NULL,
            channel channel NOT NULL,
            provider text NOT NULL,
            currency text NOT NULL,
            amount numeric NOT NULL,
            attempts bigint NOT NULL,
            CONSTRAINT price_sums_pkey PRIMARY KEY (tenant_id, day, channel, provider, currency)
        )
        """
    )
    op.execute("CREATE INDEX IF NOT EXISTS price_sums_day_idx ON price_sums (day)")
    for table in ("prices", "price_sums"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"DROP POLICY IF EXISTS tenants ON {table}")
        op.execute(f"DROP POLICY IF EXISTS platform ON {table}")
        op.execute(f"CREATE POLICY tenants ON {table} TO pulse_app USING ({_MINE}) WITH CHECK ({_MINE})")
        op.execute(f"CREATE POLICY platform ON {table} TO pulse_platform USING (true) WITH CHECK (true)")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO pulse_app, pulse_platform")
