"""What 0009f does, for databases that had passed 0009e before there was a 0009f; for others it changes nothing."""

from __future__ import annotations

import importlib

revision = "0018"
down_revision = "0017"
#: Additions alone. Where one before it waits until after the release, so does this, which then changes nothing.
release = "before"


def upgrade() -> None:
    importlib.import_module("services.ledger.migrations.versions.additions.0009f_senders").upgrade()
