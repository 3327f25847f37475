"""What 0009h does, for databases that had passed 0009g before there was a 0009h; for others it changes nothing."""

from __future__ import annotations

import importlib

revision = "0020"
down_revision = "0019"
#: Additions alone. Where one before it waits until after the release, so does this, which then changes nothing.
release = "before"


def upgrade() -> None:
    importlib.import_module("services.ledger.migrations.versions.additions.0009h_devices").upgrade()
