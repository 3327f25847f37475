"""What 0009e does, for databases that had passed 0009d before there was a 0009e; for others it changes nothing."""

from __future__ import annotations

import importlib

revision = "0017"
down_revision = "0016"
#: Additions alone. Where one before it waits until after the release, so does this, which then changes nothing.
release = "before"


def upgrade() -> None:
    importlib.import_module("services.ledger.migrations.versions.additions.0009e_attachments").upgrade()
