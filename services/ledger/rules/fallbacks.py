"""When a delivery moves on to its next channel, and what that does to it.

A fallback is a channel with its recipient and route. The index of the current channel only grows, under the row's
lock: so each takes over once, whoever looks, and however often.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from services.ledger.rules.changes import happen
from services.ledger.rules.delivery import Change, Delivery, Event, Kind
from services.ledger.rules.states import WAITING, Status
from shared.channel.table import Channel

#: What ended in one of these has failed on its channel, and only there.
_FAILED = frozenset({Status.FAILED, Status.UNDELIVERED})


class Fallback(NamedTuple):
    """A channel that may take over."""

    channel: Channel
    #: Where; empty where a channel needs no address: the user's devices.
    to: str
    route: Sequence[str]
    #: Seconds from when the channel before may first be tried; None: only once that one has failed for good.
    after: float | None


def restored(stored: Sequence[Mapping[str, Any]] | None) -> list[Fallback]:
    """As they are stored with the delivery."""
    return [Fallback(Channel.read(one["channel"]), one["to"], one["route"], one["after"]) for one in stored or ()]


def pending(delivery: Delivery) -> Fallback | None:
    """The fallback that comes next; None: this is the last."""
    stored = delivery.fallbacks or ()
    return restored(stored[delivery.fallback_index : delivery.fallback_index + 1])[0] if _has_next(delivery) else None


def recipient(delivery: Delivery, first: str) -> str:
    """Where the current channel's message goes; ``first`` is where the first one did."""
    return (
        delivery.fallbacks[delivery.fallback_index - 1]["to"]
        if delivery.fallbacks and delivery.fallback_index
        else first
    )


def next_at(delivery: Delivery, ready_at: dt.datetime) -> dt.datetime | None:
    """When the next channel takes over from one that may be tried from ``ready_at`` on; None: not by time."""
    fallback = pending(delivery)
    return None if fallback is None else takes_over_at(fallback, ready_at)


def takes_over_at(fallback: Fallback, ready_at: dt.datetime) -> dt.datetime | None:
    """When ``fallback`` takes over from one that may be tried from ``ready_at`` on; None: not by time."""
    return None if fallback.after is None else ready_at + dt.timedelta(seconds=fallback.after)


def when_due(change: Change, now: dt.datetime) -> Change:
    """On to the next channel if this one did not arrive in time; what is in a worker's hands is left there."""
    delivery = change.delivery
    if delivery.fallback_at is None or delivery.status not in WAITING | {Status.SENT}:
        return change
    if delivery.expired(now):
        # What was sent stays sent; nothing may follow it any more.
        return change if delivery.status in WAITING else _let_be(change)
    if delivery.fallback_at > now:
        return change
    return _move_on(change, f"it did not arrive by {delivery.channel} in time", now)


def after_failure(change: Change, now: dt.datetime) -> Change:
    """On to the next channel, at once, if this one has failed for good and there is one."""
    delivery = change.delivery
    if delivery.status not in _FAILED or not _has_next(delivery) or delivery.expired(now):
        return change
    return _move_on(change, f"it failed by {delivery.channel}", now)


def pass_over(change: Change, why: Sequence[Mapping[str, str]], now: dt.datetime) -> Change:
    """On to the next channel, at once, as its recipient must not be sent this by the current one."""
    return _move_on(change, f"it must not be sent by {change.delivery.channel}", now, why)


def _move_on(change: Change, reason: str, now: dt.datetime, why: Sequence[Mapping[str, str]] = ()) -> Change:
    """QUEUED on the next channel, with all its attempts before it, their numbers going on."""
    delivery = change.delivery
    fallback = pending(delivery)
    if fallback is None:
        return _let_be(change)
    following = delivery._replace(fallback_index=delivery.fallback_index + 1)
    decision = {"rule": "fallback", "result": fallback.channel, "reason": reason}
    return happen(
        change,
        Event(Kind.FALLBACK, Status.QUEUED, decisions=(*why, decision)),
        now,
        channel=fallback.channel,
        route=list(fallback.route),
        route_index=0,
        fallback_index=following.fallback_index,
        fallback_at=next_at(following, now),
        attempt_limit=delivery.attempt + delivery.max_attempts,
        due_at=now,
        ready_at=now,
        lease_until=None,
        provider_message_id="",
        early_receipt=None,
        sent_at=None,
        secured=None,
    )


def _let_be(change: Change) -> Change:
    """No further fallback takes over; that is no event."""
    delivery = change.delivery
    due_at = None if delivery.status is Status.SENT else delivery.due_at
    return Change(delivery._replace(fallback_at=None, due_at=due_at), change.events)


def _has_next(delivery: Delivery) -> bool:
    return delivery.fallback_index < len(delivery.fallbacks or ())
