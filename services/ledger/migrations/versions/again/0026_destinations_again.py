"""What 0009n does, for databases that had passed 0009m before there was a 0009n; for others it changes nothing."""

from __future__ import annotations

import importlib

revision = "0026"
down_revision = "0025"
#: Additions alone. Where one before it waits until after the release, so does this, which then changes nothing.
release = "before"


def upgrade() -> None:
    importlib.import_module("services.ledger.migrations.versions.additions.0009n_destinations").upgrade()
