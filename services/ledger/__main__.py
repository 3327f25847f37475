"""The ledger as a process: ``python -m services.ledger``."""

from __future__ import annotations

from services.ledger.config import LedgerSettings
from services.ledger.server import Ledger
from shared import process

if __name__ == "__main__":
    settings = LedgerSettings.load_or_exit(behind_gateway=True)
    process.run("ledger", settings, lambda tracer: Ledger(settings, tracer=tracer))
