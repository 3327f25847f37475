"""What 0009c does, for databases that had passed 0009b before there was a 0009c; for others it changes nothing."""

from __future__ import annotations

import importlib

revision = "0015"
down_revision = "0014"
#: Additions alone. Where one before it waits until after the release, so does this, which then changes nothing.
release = "before"


def upgrade() -> None:
    importlib.import_module("services.ledger.migrations.versions.additions.0009c_documents").upgrade()
