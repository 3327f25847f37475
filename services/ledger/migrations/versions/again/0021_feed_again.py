"""What 0009i does, for databases that had passed 0009h before there was a 0009i; for others it changes nothing."""

from __future__ import annotations

import importlib

revision = "0021"
down_revision = "0020"
#: Additions alone. Where one before it waits until after the release, so does this, which then changes nothing.
release = "before"


def upgrade() -> None:
    importlib.import_module("services.ledger.migrations.versions.additions.0009i_feed").upgrade()
