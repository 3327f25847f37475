"""What 0009l does, for databases that had passed 0009k before there was a 0009l; for others it changes nothing."""

from __future__ import annotations

import importlib

revision = "0024"
down_revision = "0023"
#: Additions alone. Where one before it waits until after the release, so does this, which then changes nothing.
release = "before"


def upgrade() -> None:
    importlib.import_module("services.ledger.migrations.versions.additions.0009l_device_kinds").upgrade()
