"""Reads what many timelines have behind the places up to which they were seen."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from services.ledger.postgres import rows
from services.ledger.postgres.compiling import Query, compiled
from services.ledger.postgres.postgres import Connection, Postgres
from services.ledger.postgres.tables import deliveries as d
from services.ledger.postgres.tables import events as e
from services.ledger.postgres.tables import notifications as n
from services.ledger.read import queries
from services.ledger.read.reader import Happening, happening
from services.ledger.rules.delivery import Ref

Rows = Sequence[tuple[Any, ...]]

#: Events of one timeline in one look: whoever wants the rest looks again.
MOST_EVENTS = 50
#: References in one statement, so that none takes long.
_AT_ONCE = 1_000


class TimelinePlace(NamedTuple):
    """Behind which event of a notification; 0: before the first."""

    ref: Ref
    sequence: int


class Behind(NamedTuple):
    """Up to :data:`MOST_EVENTS` behind a place, and the number of the timeline's last event; 0: there is none."""

    happenings: Sequence[Happening]
    last_sequence: int
    at_rest: bool
    traceparent: str


_NOTHING = Behind((), 0, False, "")


class Timelines:
    """Changes nothing, and waits for no connection that other readers or writers hold."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def behind(self, places: Sequence[TimelinePlace]) -> list[Behind]:
        """What is behind each of the places, in their order."""
        given = _encoded(places)

        async def work(connection: Connection) -> tuple[Rows, Rows]:
            # In this order: where it stands is at least as new as the events, so at rest means that they are all.
            return await _rows(connection, _events(), given), await _rows(connection, _standings(), given)

        events, standings = await self._postgres.follow(work)
        found: Mapping[int, list[Happening]] = defaultdict(list)
        for number, *columns in events:
            found[number].append(happening(tuple(columns)))
        stands = {row[0]: row[1:] for row in standings}
        return [
            Behind(found[number], *stands[number]) if number in stands else _NOTHING for number in range(len(places))
        ]

    async def last_sequences(self, refs: Iterable[Ref]) -> dict[Ref, int]:
        """The number of each timeline's last event; without those of which there is none."""
        places, last = [TimelinePlace(ref, 0) for ref in refs], dict[Ref, int]()
        for start in range(0, len(places), _AT_ONCE):
            part = places[start : start + _AT_ONCE]
            found = await self._postgres.follow(functools.partial(_rows, query=_revisions(), given=_encoded(part)))
            last |= {part[number].ref: revision for number, revision in found}
        return last


async def _rows(connection: Connection, query: Query, given: str) -> Rows:
    asked = query.with_(places=given)
    return await (await connection.execute(asked.text, asked.parameters)).fetchall()


def _encoded(places: Iterable[TimelinePlace]) -> str:
    return rows.encode(
        {"number": number, "tenant_id": tenant, "notification_id": id_, "sequence": sequence}
        for number, ((tenant, id_), sequence) in enumerate(places)
    )


def _places() -> sa.TableValuedAlias:
    columns: list[sa.ColumnClause[Any]] = [
        sa.column("number", sa.Integer),
        sa.column("tenant_id", sa.Text),
        sa.column("notification_id", sa.Uuid(as_uuid=False)),
        sa.column("sequence", sa.Integer),
    ]
    given = sa.func.json_to_recordset(sa.cast(sa.bindparam("places"), pg.JSON))
    return given.table_valued(*columns, name="r").render_derived(name="r", with_types=True)


def _same(table: sa.Table, places: sa.TableValuedAlias) -> sa.ColumnElement[bool]:
    return (table.c.tenant_id == places.c.tenant_id) & (table.c.notification_id == places.c.notification_id)


# A look-up by index for each place, whatever the planner thinks of tables that have grown: LIMIT and OFFSET keep it
# from beginning with the table.


@functools.cache
def _events() -> Query:
    places = _places()
    newer = sa.select(*queries.event()).where(_same(e, places), e.c.sequence > places.c.sequence)
    few = newer.order_by(e.c.sequence).limit(sa.literal_column(str(MOST_EVENTS))).lateral("few")
    statement = sa.select(places.c.number, *few.c).select_from(places.join(few, sa.true()))
    return compiled(statement.order_by(places.c.number, few.c.sequence))


@functools.cache
def _standings() -> Query:
    places = _places()
    same = (d.c.tenant_id == n.c.tenant_id) & (d.c.notification_id == n.c.notification_id)
    columns = (d.c.revision, d.c.due_at.is_(None).label("at_rest"), n.c.traceparent)
    one = sa.select(*columns).select_from(d.join(n, same)).where(_same(d, places))
    return _each(places, one)


@functools.cache
def _revisions() -> Query:
    places = _places()
    return _each(places, sa.select(d.c.revision).where(_same(d, places)))


def _each(places: sa.TableValuedAlias, one: sa.Select[Any]) -> Query:
    found = one.offset(sa.literal_column("0")).lateral("found")
    return compiled(sa.select(places.c.number, *found.c).select_from(places.join(found, sa.true())))
