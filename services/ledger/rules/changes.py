"""The steps that rules are made of: each takes a delivery and an event on, in line with the transition table."""

from __future__ import annotations

import datetime as dt
from typing import Any

from services.ledger.rules.delivery import NO_FAILURE, Change, Delivery, Event, Failure, Kind
from services.ledger.rules.states import DEAD_LETTERS, TERMINAL, Status, step

#: What every ended delivery has in common: nobody holds it, and the dispatcher never looks at it again.
_AT_REST: dict[str, Any] = {"due_at": None, "lease_until": None, "fallback_at": None}


def begin(delivery: Delivery) -> Change:
    """The change that changes nothing yet."""
    return Change(delivery, ())


def happen(change: Change, event: Event, now: dt.datetime, **columns: Any) -> Change:
    """``change`` and after it ``event``, which sets the status and ``columns``.

    What one of several devices has, or may have, ends as that and no worse.

    Raises :class:`services.ledger.rules.states.IllegalTransition`.
    """
    before = change.delivery
    end = before.ends_as(event.status)
    if end is not event.status:
        event = event._replace(status=end)
    secured = end is before.secured
    if secured and end is Status.SENT:
        columns |= failed_with(NO_FAILURE)
    status = step(before.status, end, falls_back=event.kind is Kind.FALLBACK, secured=secured)
    moved: dict[str, Any] = {
        "deferred_at": None,
        "drawn": False,
        "status": status,
        "updated_at": now,
        "revision": before.revision + 1,
        "died_at": (before.died_at or now) if status in DEAD_LETTERS else None,
    }
    if status in TERMINAL:
        moved |= _AT_REST
    elif status is Status.SENT:
        # Whoever is still to move on if it does not arrive is looked at then.
        moved |= {"due_at": before.fallback_at, "lease_until": None}
    return Change(in_time(before.moved(moved | columns)), (*change.events, event))


def in_time(delivery: Delivery) -> Delivery:
    """Looked at no later than the next channel is to take over; while a worker holds it, nobody has to look."""
    if delivery.fallback_at is None or delivery.due_at is None or delivery.status is Status.SENDING:
        return delivery
    return delivery._replace(due_at=min(delivery.due_at, delivery.fallback_at))


def failed_with(failure: Failure) -> dict[str, Any]:
    """The columns that say why the last attempt failed; a worker came back from it."""
    return {"failure_code": failure.code, "failure_message": failure.message, "losses": 0}


def expire(change: Change, now: dt.datetime) -> Change:
    """Its time to live has ended."""
    return happen(change, Event(Kind.EXPIRED, Status.EXPIRED), now)
