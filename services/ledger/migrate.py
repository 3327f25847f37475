"""Brings the database to this release's schema: ``python -m services.ledger.migrate``.

Every revision says which ``release`` it belongs to: those marked "before" the release before can live with, so they are
applied while it still serves (``--before``); those marked "after" wait until none of its processes is left (no option:
everything). Where nothing runs yet, once without option is enough. ``--sql`` prints what would be done from nothing.

Any number may run at once: they take turns, and those that come later find nothing to do.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import io
import sys
import time
from collections.abc import Iterator

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import errors

from services.ledger.config import LedgerSettings
from services.ledger.postgres import start_errors
from services.ledger.postgres.sessions import Start
from services.ledger.schema import feed_base, partitions
from shared.clock import SystemClock
from shared.config import StartError
from shared.observe import logs

log = logs.logger(__name__)

#: The advisory lock that migrations take turns by; any number nobody else uses.
_LOCK = 0x70756C7365
#: Between two tries to have it, s.
_TURN_SECONDS = 0.1
#: Whoever wants a table waits behind a migration that waits for it: so no wait is long, and there are several.
_LOCK_TIMEOUT = "2s"
_TRIES = 10
_PAUSE_SECONDS = 1.0
#: What a login may be bounded by must not end a migration: to make an index takes as long as it takes.
_START = Start("migrate", more={"statement_timeout": "0", "idle_in_transaction_session_timeout": "0"})


def migrate(database_url: str, now: dt.datetime, weeks_ahead: int, *, only_before: bool = False) -> None:
    """Upgrades to the newest revision and makes the partitions of the coming weeks; feeds grow on if it was restored.

    ``only_before``: no further than the release before can live with. Raises ``sqlalchemy.exc.DBAPIError``, and
    :class:`services.ledger.postgres.sessions.WrongSession`.
    """
    engine = _engine(database_url)
    with _turn(engine):
        for tries_left in reversed(range(_TRIES)):
            try:
                _upgrade(engine, target(_current(engine), only_before))
                _make_partitions(engine, now, weeks_ahead)
                _grow_on(engine)
                return
            except sa.exc.OperationalError as error:
                if not tries_left or not isinstance(error.orig, errors.LockNotAvailable):
                    raise
                log.info("a table is in use, trying again", tries_left=tries_left)
            time.sleep(_PAUSE_SECONDS)


def printed(only_before: bool = False) -> str:
    """The SQL of all revisions, from an empty database on."""
    config = _config()
    config.output_buffer = io.StringIO()
    command.upgrade(config, target(None, only_before), sql=True)
    return config.output_buffer.getvalue()


@contextlib.contextmanager
def _turn(engine: sa.Engine) -> Iterator[None]:
    """Alone among all that migrate.

    Asked for again and again, not waited for: an index that is being made waits for every transaction there is, so a
    transaction that waits for the maker would wait for ever.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_LOCK))):
            time.sleep(_TURN_SECONDS)
        yield


def _current(engine: sa.Engine) -> str | None:
    """Where the database is; None if nothing was migrated."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def _upgrade(engine: sa.Engine, to: str) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql(f"SET lock_timeout = '{_LOCK_TIMEOUT}'")
        connection.commit()
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, to)
        connection.commit()


def _make_partitions(engine: sa.Engine, now: dt.datetime, weeks_ahead: int) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
        for partition in partitions.weeks(now, weeks_ahead):
            if connection.exec_driver_sql(partitions.missing(partition.table), partition._asdict()).scalar_one():
                connection.exec_driver_sql(partitions.create(partition))


def _grow_on(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
        feed_base.grow_on(connection)


def target(current: str | None, only_before: bool) -> str:
    """The revision to go to from ``current``, which is None for an empty database.

    Revisions are a chain: before a release it is followed up to the first that is not done yet and that the release
    before cannot live with, and what comes after that one waits, whatever it is marked.
    """
    if not only_before:
        return "head"
    reached = current
    for one in list(ScriptDirectory.from_config(_config()).iterate_revisions("head", current or "base"))[::-1]:
        if one.module.release != "before":
            break
        reached = one.revision
    return reached or "base"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "services.ledger:migrations")
    config.set_main_option("recursive_version_locations", "true")
    return config


def _engine(database_url: str) -> sa.Engine:
    # libpq reads the address, as everywhere: SQLAlchemy knows not all that may stand there, several servers say.
    engine = sa.create_engine(
        "postgresql+psycopg://",
        poolclass=sa.NullPool,
        creator=lambda: psycopg.connect(database_url, **_START.arguments(database_url)),
    )
    sa.event.listen(engine, "connect", lambda connection, _: _START.check_blocking(connection))
    return engine


def main(arguments: list[str]) -> int:
    """Migrates as the environment says; 1 if PostgreSQL refuses a statement, 2 if it cannot be used at all."""
    parser = argparse.ArgumentParser(prog="python -m services.ledger.migrate")
    parser.add_argument("--before", action="store_true", help="only what the release before can live with")
    parser.add_argument("--sql", action="store_true", help="print the SQL, from nothing to the newest revision")
    options = parser.parse_args(arguments)
    if options.sql:
        sys.stdout.write(printed(options.before))
        return 0
    settings = LedgerSettings.load_or_exit()
    logs.configure("migrate", settings.log_level)
    url, now = settings.database_url.get_secret_value(), SystemClock().now()
    try:
        with start_errors.explained():
            migrate(url, now, settings.ledger_weeks_ahead, only_before=options.before)
    except StartError as error:
        log.error("migration failed", reason=str(error))
        return 2
    except sa.exc.DBAPIError as error:
        log.error("migration failed", reason=str(error.orig))
        return 1
    log.info("schema is up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
