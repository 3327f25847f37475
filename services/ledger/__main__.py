"""The ledger as a process: ``python -m services.ledger``."""

from __future__ import annotations

import sys

from services.ledger.config import LedgerSettings
from services.ledger.schema_check import SchemaBehind
from services.ledger.server import Ledger
from services.ledger.sessions import WrongSession
from shared import logs, process

if __name__ == "__main__":
    settings = LedgerSettings.load_or_exit(behind_gateway=True)
    try:
        process.run("ledger", settings, lambda tracer: Ledger(settings, tracer=tracer))
    except (SchemaBehind, WrongSession) as error:
        logs.logger(__name__).error("cannot serve", reason=str(error))
        sys.exit(2)
