"""The dispatcher's old index goes: draws find what is due by deliveries_flow_idx, and each index costs every write."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
#: The release before draws by it until its last process has ended.
release = "after"


def upgrade() -> None:
    op.execute("DROP INDEX IF EXISTS deliveries_due_idx")
