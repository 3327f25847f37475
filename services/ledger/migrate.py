"""Brings the database to this release's schema: ``python -m services.ledger.migrate``, once, before the services.

Any number may run at once: they take turns, and those that come later find nothing to do.
"""

from __future__ import annotations

import datetime as dt
import sys

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from services.ledger import partitions
from services.ledger.config import LedgerSettings
from shared import logs
from shared.clock import SystemClock

#: The advisory lock that migrations take turns by; any number nobody else uses.
_LOCK = 0x70756C7365


def migrate(database_url: str, now: dt.datetime, weeks_ahead: int) -> None:
    """Upgrades to the newest revision and makes the partitions of the coming weeks, in one transaction."""
    engine = sa.create_engine(_dialect_url(database_url), poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        config = Config()
        config.set_main_option("script_location", "services.ledger:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        for partition in partitions.weeks(now, weeks_ahead):
            if connection.exec_driver_sql(partitions.missing(partition.table), partition._asdict()).scalar_one():
                connection.exec_driver_sql(partitions.create(partition))


def _dialect_url(database_url: str) -> sa.URL:
    return sa.make_url(database_url).set(drivername="postgresql+psycopg")


def main() -> int:
    """Migrates as the environment says; 1 if PostgreSQL refuses or cannot be reached."""
    settings = LedgerSettings.load_or_exit()
    logs.configure("migrate", settings.log_level)
    log = logs.logger(__name__)
    try:
        migrate(settings.database_url.get_secret_value(), SystemClock().now(), settings.ledger_weeks_ahead)
    except sa.exc.DBAPIError as error:
        log.error("migration failed", reason=str(error.orig))
        return 1
    log.info("schema is up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
