"""Files that go with emails, in a table of their own."""

from __future__ import annotations

from alembic import op

revision = "0009e"
down_revision = "0009d"
#: A table that the release before does not know.
release = "before"

_MINE = "(SELECT nullif(current_setting('pulse.tenants', true), '')::jsonb) -> tenant_id IS NOT NULL"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE IF NOT EXISTS attachments (
            tenant_id text NOT NULL,
            attachment_id text NOT NULL,
            filename text NOT NULL,
            content_type text NOT NULL,
            size bigint NOT NULL,
            sha256 text NOT NULL,
            image_type text NOT NULL,
            content bytea NOT NULL,
            created_at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL,
            CONSTRAINT attachments_pkey PRIMARY KEY (tenant_id, attachment_id)
        )
        """
    )
    # Most files are compressed already; what is not is read in pieces without being unpacked.
    op.execute("ALTER TABLE attachments ALTER COLUMN content SET STORAGE EXTERNAL")
    op.execute("CREATE INDEX IF NOT EXISTS attachments_expires_at_idx ON attachments (expires_at)")
    op.execute("ALTER TABLE attachments ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE attachments FORCE ROW LEVEL SECURITY")
    op.execute("DROP POLICY IF EXISTS tenants ON attachments")
    op.execute("DROP POLICY IF EXISTS platform ON attachments")
    op.execute(f"CREATE POLICY tenants ON attachments TO pulse_app USING ({_MINE}) WITH CHECK ({_MINE})")
    op.execute("CREATE POLICY platform ON attachments TO pulse_platform USING (true) WITH CHECK (true)")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON attachments TO pulse_app, pulse_platform")
