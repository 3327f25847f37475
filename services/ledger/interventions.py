"""What people do to a delivery: take it back, or send a dead letter on its way again."""

from __future__ import annotations

import datetime as dt

from services.ledger.changes import begin, happen
from services.ledger.delivery import Change, Delivery, Event, Kind
from services.ledger.states import DEAD_LETTERS, WAITING, Status


class Refused(Exception):
    """It stands where this cannot be done; the text says where, without personal data."""


def cancel(delivery: Delivery, actor: str, now: dt.datetime) -> Change | None:
    """CANCELLED; None if it is already. Raises :class:`Refused` once it is being sent or has ended otherwise."""
    if delivery.status is Status.CANCELLED:
        return None
    if delivery.status not in WAITING:
        raise Refused(f"it is {delivery.status}: only what waits to be sent can be cancelled")
    return happen(begin(delivery), Event(Kind.CANCELLED, Status.CANCELLED, actor=actor), now)


def replay(delivery: Delivery, actor: str, now: dt.datetime, due_at: dt.datetime | None = None) -> Change:
    """QUEUED with all its attempts before it, their numbers going on; due at once, or at ``due_at``.

    Raises :class:`Refused` for what is no dead letter, or too late.
    """
    if delivery.status not in DEAD_LETTERS:
        raise Refused(f"it is {delivery.status}, which is no dead letter")
    if delivery.expired(now):
        raise Refused("its time to live has ended, so it could not be sent")
    return happen(
        begin(delivery),
        Event(Kind.REPLAYED, Status.QUEUED, actor=actor, next_attempt_at=due_at),
        now,
        due_at=due_at or now,
        ready_at=due_at or now,
        route_index=0,
        attempt_limit=delivery.attempt + delivery.max_attempts,
        provider_message_id="",
        early_receipt=None,
        sent_at=None,
        delivered_at=None,
    )
