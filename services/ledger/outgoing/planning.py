"""From feeds to deliveries: one for each event that a subscription is sent."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from services.ledger.outgoing import statements
from services.ledger.postgres.postgres import Connection
from services.ledger.read.feed.feed import Asked, FeedEvent, read_horizon, read_step
from services.ledger.rules.feed.delivering import TRIED_FOR, Wanted
from services.ledger.rules.feed.positions import Position
from shared.ids import uuid7
from shared.observe.logs import logger

log = logger(__name__)

#: Subscriptions that are gone on with at a time, and rows of timelines that are looked at for each.
_SUBSCRIPTIONS, _WALK = 50, 500
#: No further subscription is begun with after so long, s: whoever draws waits for it, and others for their turn.
LONGEST = 1.0
#: An endpoint that is behind by so many has the rest wait in the feed.
_MOST_WAITING = 5_000


class Codec(NamedTuple):
    """What the contract's documents say, and how events are written for endpoints."""

    types: Callable[[bytes], frozenset[str]]
    wanted: Callable[[bytes], Wanted]
    event: Callable[[FeedEvent], bytes]


class Behind(NamedTuple):
    """A subscription that has something before it."""

    tenant_id: str
    subscription_id: str
    document: bytes
    position: str


async def plan(connection: Connection, codec: Codec, now: dt.datetime) -> None:
    """Goes on through feeds for some of the subscriptions that are behind, in the caller's transaction."""
    horizon = await read_horizon(connection)
    parameters = {"horizon": horizon, "most_waiting": _MOST_WAITING, "limit": _SUBSCRIPTIONS}
    rows = await (await connection.execute(statements.BEHIND, parameters)).fetchall()
    begun = time.monotonic()
    failed: list[tuple[str, Exception]] = []
    for row in rows:
        behind = Behind._make(row)
        try:
            async with connection.transaction():
                await _go_on(connection, behind, codec, now, Position(horizon))
        except Exception as error:  # it holds up no other subscription
            failed.append((behind.subscription_id, error))
        if time.monotonic() - begun >= LONGEST:
            break
    for subscription_id, why in failed:  # an event that cannot be written, say
        log.error("a subscription does not go on", subscription_id=subscription_id, exc_info=why)


async def _go_on(connection: Connection, behind: Behind, codec: Codec, now: dt.datetime, end: Position) -> None:
    asked = Asked(behind.tenant_id, behind.position, codec.types(behind.document), _WALK)
    position = Position.parse(behind.position)
    if position.transaction > end.transaction:  # PostgreSQL failed over to a server that lacked the last transactions
        log.warning(
            "a subscription was ahead of its feed, and goes on at its end", subscription_id=behind.subscription_id
        )
        position = end
    step = await read_step(asked, position, connection)
    wanted = codec.wanted(behind.document)
    name = {"tenant_id": behind.tenant_id, "subscription_id": behind.subscription_id}
    events = [(event.event_id, codec.event(event)) for event in step.events if _is_wanted(wanted, event)]
    if events:
        await connection.execute(statements.PLAN, name | planned(events, now))
    place = {"position": str(step.end), "next_transaction": step.end.transaction}
    await connection.execute(statements.ADVANCE, name | place)


def planned(events: Sequence[tuple[str, bytes]], now: dt.datetime) -> dict[str, object]:
    """Deliveries that are due, of events each with its id."""
    return {
        "ids": [uuid7(now) for _ in events],
        "event_ids": [event_id for event_id, _ in events],
        "events": [event for _, event in events],
        "now": now,
        "give_up_at": now + TRIED_FOR,
    }


def _is_wanted(wanted: Wanted, event: FeedEvent) -> bool:
    if not event.notification_id:
        return True
    return wanted.matches(event.category, event.channel.value, event.template_name, event.metadata)
