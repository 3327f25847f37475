"""One channel more: WHATSAPP."""

from __future__ import annotations

from alembic import op

revision = "0009d"
down_revision = "0009c"
#: The release before never writes it, and reads it as a channel that only another release knows.
release = "before"


def upgrade() -> None:
    op.execute("ALTER TYPE channel ADD VALUE IF NOT EXISTS 'WHATSAPP' AFTER 'PUSH'")
