"""When a dead letter died, and an index to find it by."""

from __future__ import annotations

from alembic import op

from services.ledger.migrations import online

revision = "0002"
down_revision = "0001"
#: A column that may be empty and an index: whoever does not know them is not disturbed.
release = "before"


def upgrade() -> None:
    op.execute("ALTER TABLE deliveries ADD COLUMN IF NOT EXISTS died_at timestamptz")
    online.create_index(
        "deliveries", "deliveries_dead_idx", "(tenant_id, died_at, notification_id) WHERE died_at IS NOT NULL"
    )
