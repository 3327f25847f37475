"""What 0009j does, for databases that had passed 0009i before there was a 0009j; for others it changes nothing."""

from __future__ import annotations

import importlib

revision = "0022"
down_revision = "0021"
#: Additions alone. Where one before it waits until after the release, so does this, which then changes nothing.
release = "before"


def upgrade() -> None:
    importlib.import_module("services.ledger.migrations.versions.additions.0009j_suppressed_addresses").upgrade()
