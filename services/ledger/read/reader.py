"""Reads notifications: one with its timeline, pages, events as they come, and sums."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from services.ledger.postgres import rows
from services.ledger.postgres.compiling import Query
from services.ledger.postgres.postgres import Connection, Postgres
from services.ledger.read import buckets, page_queries, queries
from services.ledger.read.walks import Walk
from services.ledger.rules.delivery import Delivery, Event, Failure, Kind, Lane, Outcome, Ref
from services.ledger.rules.states import Status
from services.ledger.stores.paging import Filter
from shared.channel.table import Channel
from shared.clock import Clock


class Notification(NamedTuple):
    """What was asked for, and where it stands. The order is that of ``queries.notification``."""

    user_id: str
    template_name: str
    template_version: int
    recipient: str
    idempotency_key: str
    locale: str
    metadata: Mapping[str, str]
    traceparent: str
    not_before: dt.datetime | None
    created_at: dt.datetime
    category: str
    #: The notification whose digest tells this one's content; None: it is sent by itself.
    collapsed_into: str | None
    #: What was asked for and has no column, as one document; None: there is nothing, or this is of a list.
    asked: bytes | None
    delivery: Delivery


class Happening(NamedTuple):
    """An event in its place on the timeline."""

    sequence: int
    recorded_at: dt.datetime
    event: Event


class Depth(NamedTuple):
    """What waits in one lane: counts, and the age in seconds of what has been due longest."""

    lane: Lane
    due: int
    waiting: int
    sending: int
    oldest_due_age: float

    def plus(self, other: Depth) -> Depth:
        """Both together."""
        due, waiting, sending = self.due + other.due, self.waiting + other.waiting, self.sending + other.sending
        return Depth(self.lane, due, waiting, sending, max(self.oldest_due_age, other.oldest_due_age))


class Cell(NamedTuple):
    """How many notifications stand here, and the sum of their attempts; provider and bucket only if asked for."""

    status: Status
    channel: Channel
    notifications: int
    attempts: int
    provider: str = ""
    bucket_start: dt.datetime | None = None

    @property
    def place(self) -> tuple[Any, ...]:
        """What it counts: one cell for each. All words of other releases are one."""
        return self.status, self.channel, self.provider, self.bucket_start

    def plus(self, other: Cell | None) -> Cell:
        """Both together."""
        if other is None:
            return self
        notifications, attempts = self.notifications + other.notifications, self.attempts + other.attempts
        return self._replace(notifications=notifications, attempts=attempts)


class Reader:
    """Changes nothing."""

    def __init__(self, postgres: Postgres, clock: Clock) -> None:
        self._postgres = postgres
        self._clock = clock

    async def get(self, ref: Ref) -> Notification | None:
        """One notification; None: there is none."""
        found = await self._rows(queries.one(ref))
        return notification(found[0]) if found else None

    async def timeline(self, ref: Ref, after: int = 0) -> list[Happening]:
        """Its events after a sequence number, oldest first."""
        return [happening(row) for row in await self._rows(queries.timeline(ref, after))]

    async def page(self, wanted: Filter, size: int, before: str, walk: Walk) -> list[Notification]:
        """Up to ``size`` notifications with ids below ``before`` (empty: from the newest), newest first.

        Fewer where the ``walk`` ends.
        """
        query = page_queries.page(wanted, size, before, walk.left)
        return met(await self._search(query), walk, lambda one: one.delivery.notification_id)

    async def depths(self, tenant_id: str) -> list[Depth]:
        """One for each lane, over one tenant or, if empty, all; UNSPECIFIED for those of other releases together."""
        now = self._clock.now()
        depths = {lane: Depth(lane, 0, 0, 0, 0.0) for lane in Lane.known()}
        for row in await self._search(queries.depths(tenant_id, now)):
            found = _depth(row, now)
            depths[found.lane] = depths[found.lane].plus(found) if found.lane in depths else found
        return list(depths.values())

    async def statistics(
        self,
        tenant_id: str,
        window: dt.timedelta,
        *,
        bucket: dt.timedelta | None = None,
        by_provider: bool = False,
    ) -> list[Cell]:
        """Counts of what was accepted within ``window``, over one tenant or, if empty, all; each place once."""
        now = self._clock.now()
        starts = buckets.starts(now - window, now, bucket) if bucket else []
        query = queries.statistics(tenant_id, now - window, starts=starts, by_provider=by_provider)
        cells: dict[tuple[Any, ...], Cell] = {}
        for status, channel, count, attempts, provider, number in await self._search(query):
            start = starts[number - 1] if starts else None
            cell = Cell(Status.read(status), Channel.read(channel), count, attempts, provider, start)
            cells[cell.place] = cell.plus(cells.get(cell.place))
        return list(cells.values())

    async def _rows(self, query: Query) -> Sequence[tuple[Any, ...]]:
        """Of a query that looks at a few rows."""
        return await self._postgres.read(partial(fetched, query))

    async def _search(self, query: Query) -> Sequence[tuple[Any, ...]]:
        """Of a query that may look at many."""
        return await self._postgres.search(partial(fetched, query))


async def fetched(query: Query, connection: Connection) -> list[tuple[Any, ...]]:
    """All rows of a query."""
    return await (await connection.execute(query.text, query.parameters)).fetchall()


def met(found: Sequence[tuple[Any, ...]], walk: Walk, place: Callable[[Notification], str]) -> list[Notification]:
    """Those of the rows that are wanted. Each has its place on the walk and whether it is, before its columns."""
    notifications = [notification(row[2:]) for row in found]
    if found:
        walk.go(found[-1][0], place(notifications[-1]))
    return [one for row, one in zip(found, notifications, strict=True) if row[1]]


def notification(row: tuple[Any, ...]) -> Notification:
    """From its columns in the class's order."""
    own = len(Notification._fields) - 1
    return Notification._make((*row[:own], rows.delivery(row[own:])))


def happening(row: tuple[Any, ...]) -> Happening:
    """From its columns in the order of ``queries.event``."""
    sequence, recorded_at, kind, status, outcome, reported, code, message, decisions, devices, *rest = row
    return Happening(
        sequence,
        recorded_at,
        Event(
            Kind.read(kind),
            Status.read(status),
            outcome=outcome and Outcome.read(outcome),
            reported=reported and Status.read(reported),
            failure=Failure(code or "", message or ""),
            decisions=decisions or (),
            devices=devices or (),
            **dict(zip(queries.EVENT_REST, rest, strict=True)),
        ),
    )


def _depth(row: tuple[Any, ...], now: dt.datetime) -> Depth:
    lane, due, waiting, sending, oldest = row
    return Depth(Lane.read(lane), due, waiting, sending, max((now - oldest).total_seconds(), 0.0) if oldest else 0.0)
