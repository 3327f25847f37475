"""How an attempt's end moves its delivery on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from services.ledger.rules import fallbacks
from services.ledger.rules.changes import begin, expire, failed_with, happen
from services.ledger.rules.delivery import NO_FAILURE, Change, Delivery, Event, Failure, Guarantee, Kind, Outcome
from services.ledger.rules.retries import retry_times
from services.ledger.rules.states import Status


class Ending(NamedTuple):
    """How the current attempt of a delivery ended."""

    outcome: Outcome
    failure: Failure = NO_FAILURE
    provider_message_id: str = ""
    latency_ms: float | None = None
    #: So many attempts in a row, this one the last, that workers did not come back from.
    losses: int = 0
    #: Of an attempt to several devices, each of them, as its event stores it.
    devices: Sequence[Mapping[str, Any]] = ()
    #: What it came to, in words that follow its number.
    in_words: str = "did not succeed"
    #: What the worker or the provider decided on the way.
    decisions: Sequence[Mapping[str, str]] = ()


class Next(NamedTuple):
    """When, and by which provider of the route, the next attempt may begin."""

    ready_at: dt.datetime
    route_index: int
    #: Until when the provider that was called asked not to be called again; None: it did not ask.
    rests_until: dt.datetime | None = None
    #: That provider's name, where the route does not say it.
    provider: str = ""


def ended(delivery: Delivery, status: Status, ending: Ending, **more: Any) -> Event:
    """The event of the current attempt's end; ``more`` are further fields of it."""
    decisions = more.pop("decisions", ())
    return Event(
        Kind.ATTEMPT_ENDED,
        status,
        attempt=delivery.attempt,
        fence=delivery.fence,
        provider=delivery.provider,
        outcome=ending.outcome,
        failure=ending.failure,
        provider_message_id=ending.provider_message_id,
        latency_ms=ending.latency_ms,
        devices=ending.devices,
        decisions=(*ending.decisions, *decisions),
        **more,
    )


def fail(delivery: Delivery, status: Status, ending: Ending, now: dt.datetime, **more: Any) -> Change:
    """The attempt, and with it the delivery, has ended for good in ``status``; a next channel takes over."""
    change = happen(begin(delivery), ended(delivery, status, ending, **more), now, **_ended_with(ending))
    return fallbacks.after_failure(change, now)


def try_again(delivery: Delivery, ending: Ending, following: Next, now: dt.datetime) -> Change:
    """RETRYING; FAILED if no attempt is left; EXPIRED, or on to the next channel, if that one would begin too late."""
    number = f"attempt {delivery.attempt} of {delivery.attempt_limit}"
    end = delivery.ends_as(Status.FAILED)
    if delivery.exhausted():
        return fail(delivery, Status.FAILED, ending, now, decisions=_retry(end, f"{number} was the last"))
    too_late = delivery.expired(following.ready_at)
    if too_late and fallbacks.pending(delivery) and not delivery.expired(now):
        return fail(delivery, Status.FAILED, ending, now, decisions=_retry(end, "the next would come too late"))
    provider = following.provider or delivery.route[following.route_index]
    retried = _retry("RETRYING", f"{number} {ending.in_words}; {provider} is next")
    rests, asked = retry_times.remembered(delivery, following.rests_until, now)
    decisions = (*retried, *asked)
    event = ended(delivery, Status.RETRYING, ending, next_attempt_at=following.ready_at, decisions=decisions)
    change = happen(
        begin(delivery),
        event,
        now,
        due_at=following.ready_at,
        ready_at=following.ready_at,
        lease_until=None,
        route_index=following.route_index,
        rests=rests,
        **_ended_with(ending),
    )
    return expire(change, now) if too_late else change


def unanswered(delivery: Delivery, ending: Ending, following: Next, now: dt.datetime) -> Change:
    """The provider may or may not have taken it over: the delivery guarantee decides what follows."""
    if delivery.guarantee is Guarantee.AT_MOST_ONCE:
        return fail(delivery, Status.UNKNOWN, ending, now)
    return try_again(delivery, ending, following, now)


def overtaken(delivery: Delivery, ending: Ending, now: dt.datetime) -> Change | None:
    """The end that a receipt reported before the attempt was settled; None if there is no such receipt.

    What was delivered is delivered, whichever attempt did it; what was not counts only if it is this attempt's.
    """
    early = delivery.early_receipt
    if early is None:
        return None
    status = Status(early["status"])
    own = early["provider_message_id"] == ending.provider_message_id != "" and delivery.secured is None
    if status is Status.DELIVERED or own:
        return reported(delivery, ended(delivery, status, ending), early, now)
    return None


def reported(delivery: Delivery, event: Event, receipt: Mapping[str, str], now: dt.datetime) -> Change:
    """DELIVERED or UNDELIVERED as ``receipt`` says, by ``event``; after UNDELIVERED, a next channel takes over."""
    delivered = event.status is Status.DELIVERED
    failure = NO_FAILURE if delivered else Failure(receipt["code"], receipt["message"])
    change = happen(
        begin(delivery),
        event,
        now,
        provider_message_id=receipt["provider_message_id"] or delivery.provider_message_id,
        sent_at=delivery.sent_at or now,
        delivered_at=now if delivered else None,
        early_receipt=None,
        **failed_with(failure),
    )
    return fallbacks.after_failure(change, now)


def _ended_with(ending: Ending) -> dict[str, Any]:
    return failed_with(ending.failure) | {"losses": ending.losses}


def _retry(result: str, reason: str) -> tuple[dict[str, str], ...]:
    return ({"rule": "retry", "result": result, "reason": reason},)
