"""Maintains the tables once: ``python -m services.ledger.maintain``, for a timer outside.

A ledger that serves does the same every PULSE_LEDGER_HOUSEKEEPING_SECONDS; both may.
"""

from __future__ import annotations

import asyncio
import sys

from psycopg import Error

from services.ledger.config import LedgerSettings
from services.ledger.maintenance import Maintenance
from services.ledger.postgres import Postgres
from shared import logs
from shared.clock import Clock, SystemClock
from shared.errors import PulseError

log = logs.logger(__name__)


async def maintain(settings: LedgerSettings, clock: Clock) -> int:
    """0 when it is done, by this process or another; 1 if PostgreSQL cannot be used. Says what it did."""
    postgres = Postgres(settings)
    try:
        await postgres.open()
        done = await Maintenance(postgres, clock, settings).run()
    except (Error, PulseError) as error:
        log.error("maintenance failed", error=type(error).__name__, reason=str(error))
        return 1
    finally:
        await postgres.close()
    if done is None:
        log.info("another is maintaining the tables")
    elif not done:
        log.info("there was nothing to maintain")
    return 0


if __name__ == "__main__":
    loaded = LedgerSettings.load_or_exit()
    logs.configure("maintain", loaded.log_level)
    sys.exit(asyncio.run(maintain(loaded, SystemClock())))
