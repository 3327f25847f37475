"""What 0009b does, for databases that had passed 0009a before there was a 0009b; for others it changes nothing."""

from __future__ import annotations

import importlib

revision = "0014"
down_revision = "0013"
#: Additions alone. Where one before it waits until after the release, so does this, which then changes nothing.
release = "before"


def upgrade() -> None:
    importlib.import_module("services.ledger.migrations.versions.additions.0009b_states").upgrade()
