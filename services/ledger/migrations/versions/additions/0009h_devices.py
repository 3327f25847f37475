"""Columns for attempts that go to several devices at once."""

from __future__ import annotations

from alembic import op

revision = "0009h"
down_revision = "0009g"
#: Columns that may be empty: the release before goes on as ever.
release = "before"


def upgrade() -> None:
    op.execute("ALTER TABLE deliveries ADD COLUMN IF NOT EXISTS secured status")
    op.execute("ALTER TABLE events ADD COLUMN IF NOT EXISTS devices json")
