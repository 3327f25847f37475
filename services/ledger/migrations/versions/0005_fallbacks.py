"""Further channels of a notification; what operators and workers say of providers."""

from __future__ import annotations

from alembic import op

from services.ledger.migrations import online

revision = "0005"
down_revision = "0004"
#: New tables, indexes and columns that may be empty or have a constant default: whoever does not know them is not
#: disturbed.
release = "before"

_STATEMENTS = (
    """
    ALTER TYPE event_kind ADD VALUE IF NOT EXISTS 'FALLBACK' AFTER 'REPLAYED'
    """,
    """
    ALTER TABLE deliveries ADD COLUMN IF NOT EXISTS fallbacks jsonb
    """,
    """
    ALTER TABLE deliveries ADD COLUMN IF NOT EXISTS fallback_index integer NOT NULL DEFAULT 0
    """,
    """
    ALTER TABLE deliveries ADD COLUMN IF NOT EXISTS fallback_at timestamptz
    """,
    """
    ALTER TABLE deliveries ADD COLUMN IF NOT EXISTS deferred_at timestamptz
    """,
    """
    CREATE UNLOGGED TABLE IF NOT EXISTS provider_states (
        worker_id text NOT NULL,
        provider text NOT NULL,
        channel channel NOT NULL,
        breaker text NOT NULL,
        reason text NOT NULL,
        since timestamptz NOT NULL,
        told_at timestamptz NOT NULL,
        CONSTRAINT provider_states_pkey PRIMARY KEY (worker_id, provider)
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS provider_controls (
        subject text NOT NULL,
        paused boolean NOT NULL,
        override text NOT NULL,
        actor text NOT NULL,
        updated_at timestamptz NOT NULL,
        CONSTRAINT provider_controls_pkey PRIMARY KEY (subject)
    )
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
    online.create_index("deliveries", "deliveries_deferred_idx", "(deferred_at) WHERE deferred_at IS NOT NULL")
    online.create_index("deliveries", "deliveries_sent_idx", "(provider, sent_at) WHERE sent_at IS NOT NULL")
