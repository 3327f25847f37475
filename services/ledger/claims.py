"""What a claim does to a delivery."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from services.ledger.attempts import Ending, Next, overtaken, unanswered
from services.ledger.changes import begin, expire, happen
from services.ledger.delivery import Change, Delivery, Event, Failure, Kind, Outcome
from services.ledger.states import WAITING, Status

#: Recorded when a worker neither settled nor came back.
LEASE_EXPIRED = Ending(Outcome.UNANSWERED, Failure("LEASE_EXPIRED", "the worker did not settle before its lease ended"))


class Claim(NamedTuple):
    """Who claims, and until when."""

    worker: str
    lease_until: dt.datetime


def decide(delivery: Delivery, claim: Claim, now: dt.datetime) -> Change | None:
    """A change to SENDING, or to an end that was overdue; None: not to be had now."""
    change = begin(delivery)
    if delivery.status is Status.SENDING:
        change = _lost(delivery, now) or change
    if change.delivery.status not in WAITING:
        return change if change.events else None
    if delivery.expired(now):
        return expire(change, now)
    if _not_yet(change.delivery, now):
        return None
    return _start(change, claim, now)


def decide_expiry(delivery: Delivery, now: dt.datetime) -> Change | None:
    """The end of a waiting delivery whose time to live is over; None: it goes on."""
    if delivery.status in WAITING and delivery.expired(now):
        return expire(begin(delivery), now)
    return None


def _lost(delivery: Delivery, now: dt.datetime) -> Change | None:
    """What an expired lease means; None while it lasts. The provider is kept: the worker failed, not the provider."""
    if delivery.lease_until is None or delivery.lease_until > now:
        return None
    following = Next(now, delivery.route_index)
    return overtaken(delivery, LEASE_EXPIRED, now) or unanswered(delivery, LEASE_EXPIRED, following, now)


def _not_yet(delivery: Delivery, now: dt.datetime) -> bool:
    # QUEUED is due whatever the clock says: another ledger's clock may be a little ahead of this one.
    return delivery.status is not Status.QUEUED and delivery.ready_at > now


def _start(change: Change, claim: Claim, now: dt.datetime) -> Change:
    delivery = change.delivery
    attempt, fence = delivery.attempt + 1, delivery.fence + 1
    provider = delivery.route[delivery.route_index]
    event = Event(
        Kind.ATTEMPT_STARTED,
        Status.SENDING,
        attempt=attempt,
        fence=fence,
        provider=provider,
        lease_until=claim.lease_until,
        worker=claim.worker,
    )
    return happen(
        change,
        event,
        now,
        attempt=attempt,
        fence=fence,
        provider=provider,
        due_at=claim.lease_until,
        lease_until=claim.lease_until,
        last_attempt_at=now,
    )
