"""``python -m services.ledger``: the ledger."""

from __future__ import annotations

import sys

from services.ledger.config import DEFAULT_LISTEN, LedgerSettings
from shared.processes import child as children
from shared.processes import several
from shared.processes.child import Child


def main() -> None:
    """Reads the settings and serves until a signal ends it; what stops the start is said in a sentence, status 2."""
    child = children.taken_from(sys.argv)
    settings = LedgerSettings.load_or_exit(behind_gateway=True)
    role = several.serving("ledger", settings, settings.ledger_processes, DEFAULT_LISTEN)
    several.run(role, child, lambda: _serve(settings, child))


def _serve(settings: LedgerSettings, child: Child | None) -> None:
    from services.ledger.server import Ledger  # not in the parent of several, which so stays small
    from shared import process

    process.run("ledger", settings, lambda tracer: Ledger(settings, tracer=tracer), child)


if __name__ == "__main__":
    main()
