"""Whether the database has what this release needs: asked at start, before anything is served."""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple

import psycopg

from services.ledger.config import LedgerSettings
from services.ledger.postgres import start_errors
from services.ledger.postgres.sessions import Start
from shared.channel.table import Channel
from shared.config import StartError
from shared.observe.logs import logger

log = logger(__name__)

#: The newest revision that every database comes to before the release. Revisions are numbered: a later one compares as
#: greater, also one of a later release, with which this code can live.
NEEDED = "0009n"
#: What repeats it for databases that had passed that number before there was such a revision: they may be beyond NEEDED
#: and still lack what it added.
REPETITION = "0026"
#: The channels of this release, as text of SQL.
_CHANNELS = ",".join(f"'{channel}'" for channel in Channel)
_LOOK = f"""
SELECT version_num, EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('template_versions')
    AND attname = 'document' AND NOT attisdropped)
    AND to_regclass('attachments') IS NOT NULL
    AND to_regclass('senders') IS NOT NULL
    AND to_regclass('destinations') IS NOT NULL
    AND to_regclass('fragment_versions') IS NOT NULL
    AND to_regclass('events_feed_idx') IS NOT NULL
    AND to_regclass('suppressions_digest_idx') IS NOT NULL
    AND to_regclass('event_deliveries') IS NOT NULL
    AND to_regclass('price_sums') IS NOT NULL
    AND ARRAY(SELECT enumlabel::text FROM pg_enum WHERE enumtypid = to_regtype('channel')) @> ARRAY[{_CHANNELS}]
FROM alembic_version"""  # noqa: S608 -- names of the contract
#: What a login may be bounded by must not end the look.
_START = Start("schema-check", more={"statement_timeout": "5000"})
#: Between two looks, s.
_PAUSE = 0.5


class Found(NamedTuple):
    """Where a database is; ``revision`` is empty if nothing was ever migrated."""

    revision: str
    complete: bool

    @property
    def needed(self) -> str:
        """The revision to come to; empty if it has all that this release needs."""
        if self.revision < NEEDED:
            return NEEDED
        return "" if self.complete else REPETITION


class SchemaBehind(StartError):
    """Something that this release needs has not been migrated; the text is for whoever runs it."""

    def __init__(self, found: Found) -> None:
        super().__init__(
            f"the database's schema is at revision {found.revision or 'none'}, and this release needs "
            f"{found.needed} or newer: run `pulse migrate --before`, or `pulse migrate` where nothing serves yet"
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
            found = await look(url)
            if not found.needed:
                return
            if late:
                raise SchemaBehind(found)
            if not waiting:
                log.warning("waiting for the schema", revision=found.revision, needed=found.needed)
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


async def look(url: str) -> Found:
    """As the migrations left it."""
    begun = _START.arguments(url)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True, **begun) as connection:
        try:
            rows = await connection.execute(_LOOK)
        except psycopg.errors.UndefinedTable:
            return Found("", False)
        row = await rows.fetchone()
        return Found(str(row[0]), bool(row[1])) if row else Found("", False)
