"""Reads tenants' feeds, page by page, and tells how far they reach."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from services.ledger.postgres.compiling import Query
from services.ledger.postgres.postgres import Connection, Postgres
from services.ledger.read.feed import statements
from services.ledger.read.reader import fetched
from services.ledger.rules.delivery import Failure, Kind, Ref
from services.ledger.rules.feed import event_types
from services.ledger.rules.feed.positions import Position, ahead
from services.ledger.rules.states import Status
from shared.channel.table import UNKNOWN, Channel

#: What ``after`` says for: from now on.
LATEST = "latest"
#: Rows read at once.
_AT_ONCE = 500


class FeedEvent(NamedTuple):
    """One event; what is empty or None does not belong to its type."""

    position: Position
    event_id: str
    type: str
    recorded_at: dt.datetime
    notification_id: str = ""
    status: Status = Status.UNSPECIFIED
    attempt: int = 0
    provider: str = ""
    provider_message_id: str = ""
    failure: Failure = Failure()
    decisions: Sequence[Mapping[str, str]] = ()
    actor: str = ""
    user_id: str = ""
    template_name: str = ""
    template_version: int = 0
    category: str = ""
    metadata: Mapping[str, str] = {}
    idempotency_key: str = ""
    traceparent: str = ""
    channel: Channel = UNKNOWN
    #: Of an event that is about no notification: what is told with it, as JSON says it.
    data: Mapping[str, Any] | None = None


class Asked(NamedTuple):
    """Which part of a feed is wanted, and how far one page may look for it."""

    tenant_id: str
    after: str
    types: frozenset[str]
    walk: int


class Step(NamedTuple):
    """Some of what is there, and how far that goes; ``horizon`` is where all that may be told ends."""

    events: Sequence[FeedEvent]
    end: Position
    at_end: bool
    horizon: int


class Feed:
    """Changes nothing."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def steps(self, asked: Asked, *, beside_others: bool) -> AsyncGenerator[Step]:
        """What is behind ``after``, step by step, until the end or until the walk is over.

        ``beside_others``: for who follows many feeds, by connections of their own. Raises INVALID_ARGUMENT.
        """
        run = self._postgres.follow if beside_others else self._postgres.search
        after = Position(0) if asked.after == LATEST else Position.parse(asked.after)
        for start in range(0, asked.walk, _AT_ONCE):
            part = asked._replace(walk=min(_AT_ONCE, asked.walk - start))
            step = await run(_read_latest if asked.after == LATEST else partial(read_step, part, after))
            yield step
            if step.at_end:
                return
            after = step.end

    async def last_sequences(self, refs: Iterable[Ref]) -> dict[Ref, int]:
        """The last transaction with events in it of each feed; a feed is named by its tenant, and no notification."""
        query = Query(statements.LAST, {"tenants": [tenant for tenant, _ in refs]})
        found = await self._postgres.follow(partial(fetched, query))
        return {(tenant, ""): transaction for tenant, transaction in found if transaction is not None}


async def read_horizon(connection: Connection) -> int:
    """Transactions below this have ended."""
    row = await (await connection.execute(statements.HORIZON)).fetchone()
    return row[0] if row else 0


async def _read_latest(connection: Connection) -> Step:
    horizon = await read_horizon(connection)
    return Step((), Position(horizon), True, horizon)


async def read_step(asked: Asked, after: Position, connection: Connection) -> Step:
    """What is behind a position, as far as the walk goes. Raises POSITION_AHEAD."""
    horizon = await read_horizon(connection)
    if after.transaction > horizon:
        raise ahead()
    parameters = {
        "tenant_id": asked.tenant_id,
        "transaction": after.transaction,
        "id": after.id,
        "first_row": after.first_row,
        "horizon": horizon,
        "walk": asked.walk,
        "types": sorted(asked.types),
        "statuses": event_types.statuses(asked.types),
        "accepted": event_types.ACCEPTED in asked.types,
    }
    rows = await fetched(Query(statements.PAGE, parameters), connection)
    events = [one for row in rows for one in _events(row) if one.position > after and one.type in asked.types]
    if not rows or rows[-1][0] < asked.walk:
        return Step(events, max(after, Position(horizon)), True, horizon)
    _, transaction, id_, sequence, *_ = rows[-1]
    return Step(events, Position(transaction, id_, 2 * sequence + 1), False, horizon)


def _events(row: tuple[Any, ...]) -> list[FeedEvent]:
    """Those that a row comes to, from the columns of :data:`.statements.PAGE`."""
    _, transaction, id_, sequence, recorded_at, kind, status, *rest = row
    attempt, provider, message_id, code, message, decisions, actor, type_, data, before, moved_on, *content = rest
    if type_ is not None:
        return [FeedEvent(Position(transaction, id_, 1), id_, type_, recorded_at, data=data)]
    told = event_types.of_row(Kind.read(kind), Status.read(status), Status.read(before or ""), moved_on=moved_on)
    user_id, template_name, template_version, category, metadata, idempotency_key, traceparent, channel = content
    return [
        FeedEvent(
            position=Position(transaction, id_, 2 * sequence + place),
            event_id=f"{id_}-{sequence}{'-end' if place else ''}",
            type=type_,
            recorded_at=recorded_at,
            notification_id=id_,
            status=Status.read(status),
            attempt=attempt or 0,
            provider=provider or "",
            provider_message_id=message_id or "",
            failure=Failure(code or "", message or ""),
            decisions=decisions or (),
            actor=actor or "",
            user_id=user_id or "",
            template_name=template_name or "",
            template_version=template_version or 0,
            category=category or "",
            metadata=metadata or {},
            idempotency_key=idempotency_key or "",
            traceparent=traceparent or "",
            channel=Channel.read(channel) if channel else UNKNOWN,
        )
        for place, type_ in told
    ]
