"""What 0009g does, for databases that had passed 0009f before there was a 0009g; for others it changes nothing."""

from __future__ import annotations

import importlib

revision = "0019"
down_revision = "0018"
#: Additions alone. Where one before it waits until after the release, so does this, which then changes nothing.
release = "before"


def upgrade() -> None:
    importlib.import_module("services.ledger.migrations.versions.additions.0009g_fragments").upgrade()
