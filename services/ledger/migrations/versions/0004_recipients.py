"""What recipients want, must not get and can be reached by; digests."""

from __future__ import annotations

from alembic import op

from services.ledger.migrations import online

revision = "0004"
down_revision = "0003"
#: New tables, an index, and columns that may be empty or have a constant default: whoever does not know them is not
#: disturbed.
release = "before"

_STATEMENTS = (
    """
    CREATE TABLE IF NOT EXISTS preferences (
        tenant_id text NOT NULL,
        user_id text NOT NULL,
        choices jsonb NOT NULL,
        time_zone text NOT NULL,
        quiet_from text NOT NULL,
        quiet_until text NOT NULL,
        updated_at timestamptz NOT NULL,
        CONSTRAINT preferences_pkey PRIMARY KEY (tenant_id, user_id)
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS suppressions (
        tenant_id text NOT NULL,
        user_id text NOT NULL,
        digest bytea NOT NULL,
        suppression_id uuid NOT NULL,
        channel channel,
        address text NOT NULL,
        category text NOT NULL,
        reason text NOT NULL,
        created_at timestamptz NOT NULL,
        CONSTRAINT suppressions_pkey PRIMARY KEY (tenant_id, user_id, digest)
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS device_tokens (
        tenant_id text NOT NULL,
        device_token_id uuid NOT NULL,
        user_id text NOT NULL,
        token text NOT NULL,
        label text NOT NULL,
        updated_at timestamptz NOT NULL,
        CONSTRAINT device_tokens_pkey PRIMARY KEY (tenant_id, device_token_id)
    )
    """,
    """
    CREATE INDEX IF NOT EXISTS device_tokens_user_idx ON device_tokens (tenant_id, user_id, updated_at)
    """,
    """
    CREATE TABLE IF NOT EXISTS digests (
        tenant_id text NOT NULL,
        digest bytea NOT NULL,
        notification_id uuid NOT NULL,
        ends_at timestamptz NOT NULL,
        CONSTRAINT digests_pkey PRIMARY KEY (tenant_id, digest)
    )
    """,
    """
    CREATE INDEX IF NOT EXISTS digests_notification_id_idx ON digests (tenant_id, notification_id)
    """,
    """
    ALTER TABLE template_versions ADD COLUMN IF NOT EXISTS digest_seconds double precision NOT NULL DEFAULT 0
    """,
    """
    ALTER TABLE notifications ADD COLUMN IF NOT EXISTS collapsed_into uuid
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
    online.create_index(
        "notifications",
        "notifications_digest_idx",
        "(tenant_id, collapsed_into, notification_id) WHERE collapsed_into IS NOT NULL",
    )
