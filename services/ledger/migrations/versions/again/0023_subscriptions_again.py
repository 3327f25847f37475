"""What 0009k does, for databases that had passed 0009j before there was a 0009k; for others it changes nothing."""

from __future__ import annotations

import importlib

revision = "0023"
down_revision = "0022"
#: Additions alone. Where one before it waits until after the release, so does this, which then changes nothing.
release = "before"


def upgrade() -> None:
    importlib.import_module("services.ledger.migrations.versions.additions.0009k_subscriptions").upgrade()
