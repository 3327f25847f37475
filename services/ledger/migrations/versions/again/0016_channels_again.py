"""What 0009d does, for databases that had passed 0009c before there was a 0009d; for others it changes nothing."""

from __future__ import annotations

import importlib

revision = "0016"
down_revision = "0015"
#: Additions alone. Where one before it waits until after the release, so does this, which then changes nothing.
release = "before"


def upgrade() -> None:
    importlib.import_module("services.ledger.migrations.versions.additions.0009d_channels").upgrade()
