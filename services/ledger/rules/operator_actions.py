"""What people do to a delivery: take it back, say that it came, or send a dead letter on its way again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from services.ledger.rules import fallbacks, receipts
from services.ledger.rules.attempts import reported
from services.ledger.rules.changes import begin, happen
from services.ledger.rules.delivery import Change, Delivery, Event, Kind
from services.ledger.rules.states import DEAD_LETTERS, WAITING, Status
from shared.errors import Code, PulseError


def not_understood() -> PulseError:
    """The refusal to change what only another release knows how to decide."""
    return PulseError(
        Code.FAILED_PRECONDITION,
        "NEWER_RELEASE",
        "where it stands is known to another release of Pulse only, so it is left alone",
        hint="try again when every part of Pulse runs the newer release",
    )


def cancel(delivery: Delivery, actor: str, now: dt.datetime) -> Change | None:
    """CANCELLED, or SENT if one of several devices has it; None if it is CANCELLED already.

    Raises FAILED_PRECONDITION once it is being sent or has ended otherwise.
    """
    if delivery.status is Status.CANCELLED:
        return None
    if delivery.status not in WAITING:
        raise _refusal("NOT_CANCELLABLE", f"it is {delivery.status}: only what waits to be sent can be cancelled")
    return happen(begin(delivery), Event(Kind.CANCELLED, Status.CANCELLED, actor=actor), now)


def acknowledge(delivery: Delivery, actor: str, now: dt.datetime) -> Change | None:
    """DELIVERED, as the recipient's own device says; None if it is already.

    While an attempt is under way, it is DELIVERED as soon as that has ended, however it ends.
    Raises FAILED_PRECONDITION for what was never sent, or has ended otherwise.
    """
    if delivery.status is Status.DELIVERED or _is_acknowledged(delivery):
        return None
    if delivery.fence == 0:
        raise _refusal("NOT_SENT", "it was never sent")
    event = Event(Kind.RECEIPT, Status.DELIVERED, reported=Status.DELIVERED, actor=actor)
    receipt = {"status": Status.DELIVERED, "provider_message_id": "", "code": "", "message": ""}
    if delivery.status in receipts.DELIVERABLE:
        return reported(delivery, event, receipt, now)
    if delivery.status is Status.SENDING:
        return happen(begin(delivery), event._replace(status=Status.SENDING), now, early_receipt=receipt)
    raise _refusal("NOT_SENT", f"it is {delivery.status}: only what was sent can have come")


def replay(
    delivery: Delivery,
    actor: str,
    now: dt.datetime,
    due_at: dt.datetime | None = None,
    decisions: Sequence[Mapping[str, str]] = (),
) -> Change:
    """QUEUED with all its attempts before it, their numbers going on; due at once, or at ``due_at``.

    ``decisions`` are what else was decided on it, for its timeline.
    Raises FAILED_PRECONDITION for what is no dead letter, or too late.
    """
    if delivery.status not in DEAD_LETTERS:
        raise _refusal("NOT_REPLAYABLE", f"it is {delivery.status}, which is no dead letter")
    if delivery.expired(now):
        raise _refusal("NOT_REPLAYABLE", "its time to live has ended, so it could not be sent")
    return happen(
        begin(delivery),
        Event(Kind.REPLAYED, Status.QUEUED, actor=actor, next_attempt_at=due_at, decisions=decisions),
        now,
        due_at=due_at or now,
        ready_at=due_at or now,
        route_index=0,
        attempt_limit=delivery.attempt + delivery.max_attempts,
        provider_message_id="",
        early_receipt=None,
        sent_at=None,
        delivered_at=None,
        refused_devices=(),
        secured=None,
        fallback_at=fallbacks.next_at(delivery, due_at or now),
    )


def _is_acknowledged(delivery: Delivery) -> bool:
    early = delivery.early_receipt
    return delivery.status is Status.SENDING and early is not None and early["status"] == Status.DELIVERED


def _refusal(reason: str, where_it_stands: str) -> PulseError:
    return PulseError(Code.FAILED_PRECONDITION, reason, where_it_stands)
