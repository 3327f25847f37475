"""Columns for what rules read of a delivery and found in its timeline, or guessed from others of its columns."""

from __future__ import annotations

from alembic import op

revision = "0009b"
down_revision = "0009a"
#: Columns that may be empty or have a constant default: the release before goes on as ever. What it changes it leaves
#: with an old state_revision, by which the others are known to be out of date.
release = "before"

_COLUMNS = (
    "drawn boolean",
    "device_token_id uuid",
    "refused_devices uuid[]",
    "rests json",
    "losses integer NOT NULL DEFAULT 0",
    "state_revision integer",
)


def upgrade() -> None:
    for column in _COLUMNS:
        op.execute(f"ALTER TABLE deliveries ADD COLUMN IF NOT EXISTS {column}")
