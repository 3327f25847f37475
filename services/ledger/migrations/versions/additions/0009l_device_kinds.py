"""A column for the kind of a device's token."""

from __future__ import annotations

from alembic import op

revision = "0009l"
down_revision = "0009k"
#: A column with a constant default: what the release before registers is FCM's.
release = "before"


def upgrade() -> None:
    op.execute("ALTER TABLE device_tokens ADD COLUMN IF NOT EXISTS kind text NOT NULL DEFAULT 'FCM'")
