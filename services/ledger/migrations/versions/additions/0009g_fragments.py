"""Fragments, and which of them a template's version takes in."""

from __future__ import annotations

from alembic import op

revision = "0009g"
down_revision = "0009f"
#: Tables and a column that the release before does not know.
release = "before"

_MINE = "(SELECT nullif(current_setting('pulse.tenants', true), '')::jsonb) -> tenant_id IS NOT NULL"


def upgrade() -> None:
    op.execute("ALTER TABLE template_versions ADD COLUMN IF NOT EXISTS fragments jsonb")
    op.execute(
        """
        CREATE TABLE IF NOT EXISTS fragments (
            tenant_id text NOT NULL,
            name text NOT NULL,
            version integer NOT NULL,
            created_at timestamptz NOT NULL,
            deleted_at timestamptz,
            CONSTRAINT fragments_pkey PRIMARY KEY (tenant_id, name)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE IF NOT EXISTS fragment_versions (
            tenant_id text NOT NULL,
            name text NOT NULL,
            version integer NOT NULL,
            document bytea NOT NULL,
            fragments text[] NOT NULL,
            created_at timestamptz NOT NULL,
            CONSTRAINT fragment_versions_pkey PRIMARY KEY (tenant_id, name, version)
        )
        """
    )
    for table in ("fragments", "fragment_versions"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"DROP POLICY IF EXISTS tenants ON {table}")
        op.execute(f"DROP POLICY IF EXISTS platform ON {table}")
        op.execute(f"CREATE POLICY tenants ON {table} TO pulse_app USING ({_MINE}) WITH CHECK ({_MINE})")
        op.execute(f"CREATE POLICY platform ON {table} TO pulse_platform USING (true) WITH CHECK (true)")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO pulse_app, pulse_platform")
