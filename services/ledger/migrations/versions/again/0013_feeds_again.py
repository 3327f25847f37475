"""What 0009a does, for databases that had passed 0009 before there was a 0009a; for others it changes nothing."""

from __future__ import annotations

import importlib

revision = "0013"
down_revision = "0012"
#: Additions alone. Where one before it waits until after the release, so does this, which then changes nothing.
release = "before"


def upgrade() -> None:
    importlib.import_module("services.ledger.migrations.versions.additions.0009a_feeds").upgrade()
