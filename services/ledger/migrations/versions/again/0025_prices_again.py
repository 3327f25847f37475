"""What 0009m does, for databases that had passed 0009l before there was a 0009m; for others it changes nothing."""

from __future__ import annotations

import importlib

revision = "0025"
down_revision = "0024"
#: Additions alone. Where one before it waits until after the release, so does this, which then changes nothing.
release = "before"


def upgrade() -> None:
    importlib.import_module("services.ledger.migrations.versions.additions.0009m_prices").upgrade()
