"""API keys, by their hashes."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
#: A new table: whoever does not know it is not disturbed.
release = "before"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE IF NOT EXISTS api_keys (
            tenant_id text NOT NULL,
            key_id text NOT NULL,
            name text NOT NULL,
            scopes text[] NOT NULL,
            digest bytea NOT NULL,
            created_at timestamptz NOT NULL,
            expires_at timestamptz,
            revoked_at timestamptz,
            CONSTRAINT api_keys_pkey PRIMARY KEY (tenant_id, key_id)
        )
        """
    )
