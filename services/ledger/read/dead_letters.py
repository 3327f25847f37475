"""The dead letters, browsed in the order of their deaths."""

from __future__ import annotations

import datetime as dt
from functools import partial

from services.ledger.postgres.postgres import Postgres
from services.ledger.read import dead_letter_queries, reader
from services.ledger.read.reader import Notification
from services.ledger.read.walks import Walk
from services.ledger.stores.paging import DeadLetterFilter, bad_token
from shared.clock import Clock


class DeadLetters:
    """Those of one tenant at a time."""

    def __init__(self, postgres: Postgres, clock: Clock) -> None:
        self._postgres = postgres
        self._clock = clock

    async def page(self, wanted: DeadLetterFilter, size: int, after: str, walk: Walk) -> list[Notification]:
        """Up to ``size``, the last to die first, from the :func:`place` where the last page ended.

        Fewer where the ``walk`` ends. Raises INVALID_ARGUMENT for a place that cannot be.
        """
        query = dead_letter_queries.page(wanted, size, _placed(after) if after else None, walk.left)
        return reader.met(await self._postgres.search(partial(reader.fetched, query)), walk, place)

    async def count(self, wanted: DeadLetterFilter) -> int:
        """How many there are, those left out whose time to live has ended."""
        query = dead_letter_queries.count(wanted, self._clock.now())

        ((count,),) = await self._postgres.search(partial(reader.fetched, query))
        return int(count)


def place(letter: Notification) -> str:
    """Where a dead letter stands among the others."""
    died_at = letter.delivery.died_at
    return f"{died_at and died_at.isoformat()} {letter.delivery.notification_id}"


def _placed(text: str) -> tuple[dt.datetime, str]:
    moment, _, notification_id = text.partition(" ")
    try:
        return dt.datetime.fromisoformat(moment), notification_id
    except ValueError:
        raise bad_token() from None
