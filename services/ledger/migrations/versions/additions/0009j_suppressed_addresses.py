"""Suppressions are found by what they say, whoever's they are."""

from __future__ import annotations

from services.ledger.migrations.online import create_plain_index

revision = "0009j"
down_revision = "0009i"
#: An index that the release before does not know.
release = "before"


def upgrade() -> None:
    create_plain_index("suppressions_digest_idx", "suppressions (tenant_id, digest)")
