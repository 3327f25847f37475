"""Whether the database has what this release needs: asked at start, before anything is served."""

from __future__ import annotations

import asyncio
import time

import psycopg

from services.ledger.config import LedgerSettings
from services.ledger.postgres import start_errors
from services.ledger.postgres.sessions import Start
from shared.config import StartError
from shared.observe.logs import logger

log = logger(__name__)

#: The newest revision that is marked "before". Revisions are numbered, so a later one compares as greater, also one of
#: a later release, with which this code can live.
NEEDED = "0009c"
#: Between two looks, s.
_PAUSE = 0.5


class SchemaBehind(StartError):
    """Something that this release needs has not been migrated; the text is for whoever runs it."""

    def __init__(self, found: str) -> None:
        super().__init__(
            f"the database's schema is at revision {found or 'none'}, and this release needs {NEEDED} or newer: "
            "run `pulse migrate --before`, or `pulse migrate` where nothing serves yet"
        )


async def until_ready(settings: LedgerSettings) -> None:
    """Returns once the schema is new enough; a migration may be under way.

    After ``ledger_start_seconds`` it raises :class:`SchemaBehind`, or ``psycopg.OperationalError`` if PostgreSQL does
    not answer.
    """
    url = settings.database_url.get_secret_value()
    last_look = time.monotonic() + settings.ledger_start_seconds
    waiting = away = False
    while True:
        late = time.monotonic() >= last_look
        try:
            found = await _revision(url)
            if found >= NEEDED:
                return
            if late:
                raise SchemaBehind(found)
            if not waiting:
                log.warning("waiting for the schema", revision=found, needed=NEEDED)
                waiting = True
        except psycopg.errors.InsufficientPrivilege:
            # Whoever migrated may have granted less than these revisions do. What is missing will show.
            log.warning("the schema's revision may not be read", needed=NEEDED)
            return
        except psycopg.OperationalError as error:
            if late:
                raise
            if not away:
                log.warning("waiting for PostgreSQL", why=start_errors.sentence(error))
                away = True
        await asyncio.sleep(_PAUSE)


async def _revision(url: str) -> str:
    """As the migrations left it; empty if there were none."""
    begun = Start("schema-check").arguments(url)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True, **begun) as connection:
        try:
            rows = await connection.execute("SELECT version_num FROM alembic_version")
        except psycopg.errors.UndefinedTable:
            return ""
        row = await rows.fetchone()
        return str(row[0]) if row else ""
