"""Maintains the tables once: ``python -m services.ledger.maintain [--dry-run]``, for a timer outside.

A ledger that serves does the same every PULSE_LEDGER_HOUSEKEEPING_SECONDS; both may. ``--dry-run`` says what would be
taken away, and changes nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import sys

from psycopg import Error

from services.ledger.config import LedgerSettings
from services.ledger.postgres import start_errors
from services.ledger.postgres.postgres import Postgres
from services.ledger.schema import schema_check
from services.ledger.schema.maintenance import Maintenance
from shared.clock import Clock, SystemClock
from shared.config import StartError
from shared.errors import PulseError
from shared.observe import logs

log = logs.logger(__name__)


async def maintain(settings: LedgerSettings, clock: Clock, *, dry_run: bool = False) -> int:
    """0 when it is done, by this process or another; 1 if it failed or clocks disagree, 2 if PostgreSQL is away.

    Says what it did, or would do.
    """
    postgres = Postgres(settings)
    try:
        with start_errors.explained():
            await schema_check.until_ready(settings)
            await postgres.open()
        maintenance = Maintenance(postgres, clock, settings)
        if dry_run:
            log.info("would be taken away", **dataclasses.asdict(await maintenance.due()))
            return 0
        done = await maintenance.run()
    except StartError as error:
        log.error("maintenance failed", reason=str(error))
        return 2
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


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m services.ledger.maintain", description="Maintains the tables once."
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be taken away, and change nothing")
    dry_run = parser.parse_args().dry_run
    loaded = LedgerSettings.load_or_exit()
    logs.configure("maintain", loaded.log_level)
    return asyncio.run(maintain(loaded, SystemClock(), dry_run=dry_run))


if __name__ == "__main__":
    sys.exit(main())
