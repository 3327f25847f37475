"""Limits that operators set while Pulse runs."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
#: New tables: whoever does not know them is not disturbed.
release = "before"

_STATEMENTS = (
    """
    CREATE TABLE IF NOT EXISTS limits (
        tenant_id text NOT NULL,
        limit_id text NOT NULL,
        kind text NOT NULL,
        subject text NOT NULL,
        amount bigint NOT NULL,
        window_seconds double precision NOT NULL,
        actor text NOT NULL,
        updated_at timestamptz NOT NULL,
        CONSTRAINT limits_pkey PRIMARY KEY (tenant_id, limit_id)
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS revisions (
        subject text NOT NULL,
        revision bigint NOT NULL,
        CONSTRAINT revisions_pkey PRIMARY KEY (subject)
    )
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
