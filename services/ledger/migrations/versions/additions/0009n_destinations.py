"""One channel more, CHAT, and where its notifications can go: destinations, each with an encrypted address."""

from __future__ import annotations

from alembic import op

revision = "0009n"
down_revision = "0009m"
#: The release before never writes the channel, reads it as one that only another release knows, and does not know the
#: table.
release = "before"

_MINE = "(SELECT nullif(current_setting('pulse.tenants', true), '')::jsonb) -> tenant_id IS NOT NULL"


def upgrade() -> None:
    op.execute("ALTER TYPE channel ADD VALUE IF NOT EXISTS 'CHAT' AFTER 'WHATSAPP'")
    op.execute(
        """
        CREATE TABLE IF NOT EXISTS destinations (
            tenant_id text NOT NULL,
            name text NOT NULL,
            kind text NOT NULL,
            host text NOT NULL,
            fingerprint text NOT NULL,
            key_id text NOT NULL,
            sealed bytea NOT NULL,
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL,
            CONSTRAINT destinations_pkey PRIMARY KEY (tenant_id, name)
        )
        """
    )
    op.execute("ALTER TABLE destinations ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE destinations FORCE ROW LEVEL SECURITY")
    op.execute("DROP POLICY IF EXISTS tenants ON destinations")
    op.execute("DROP POLICY IF EXISTS platform ON destinations")
    op.execute(f"CREATE POLICY tenants ON destinations TO pulse_app USING ({_MINE}) WITH CHECK ({_MINE})")
    op.execute("CREATE POLICY platform ON destinations TO pulse_platform USING (true) WITH CHECK (true)")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON destinations TO pulse_app, pulse_platform")
