"""What puts off a delivery that waits, without an attempt spent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from services.ledger.rules import fallbacks
from services.ledger.rules.changes import begin, failed_with, happen, in_time
from services.ledger.rules.delivery import Change, Delivery, Event, Failure, Kind
from services.ledger.rules.provider_choice import Choice, Obstacle
from services.ledger.rules.states import TRANSITIONS, Status

#: What finds no provider is looked at again after half the time that it has waited so far, but within these bounds, s.
#: The longest is short for what ends by itself; for a pause it is long, as who ends it has everything looked at.
SHORTEST_SECONDS = 1.0
LONGEST_SECONDS = {"breaker": 5.0, "pause": 30.0, "retry": 5.0, "error": 300.0}
#: What cannot be decided is looked at for so long: the error may be a release's, which the next one mends.
PATIENCE = dt.timedelta(hours=1)
UNDECIDABLE = Failure("CANNOT_BE_DECIDED", "what to do with it could not be decided for an hour: see the ledger's log")


def put_off(change: Change, until: dt.datetime, decisions: Sequence[Mapping[str, str]], now: dt.datetime) -> Change:
    """SCHEDULED for ``until``. The next channel takes over as much later."""
    return happen(
        change,
        Event(Kind.DEFERRED, Status.SCHEDULED, decisions=decisions, next_attempt_at=until),
        now,
        due_at=until,
        ready_at=until,
        fallback_at=fallbacks.next_at(change.delivery, until),
    )


def wait_for_draw(change: Change, choice: Choice, now: dt.datetime) -> Change:
    """Where it is, until it is drawn for that provider, which has a bound. It keeps its place among those that wait."""
    delivery = change.delivery
    provider = delivery.route[choice.route_index]
    decision = {"rule": "limit", "result": "DEFERRED", "reason": f"{provider} is given only so many: it waits its turn"}
    event = Event(Kind.DEFERRED, delivery.status, decisions=(*choice.decisions, decision))
    return happen(change, event, now, route_index=choice.route_index, due_at=delivery.ready_at)


def undecidable(delivery: Delivery, now: dt.datetime) -> Change:
    """What the rules fail at: looked at again, ever less often, and FAILED in the end."""
    change = begin(delivery)
    since = delivery.deferred_at
    if since is None or now - since < PATIENCE or Status.FAILED not in TRANSITIONS[delivery.status]:
        return look_again(change, Obstacle("error", "what to do with it could not be decided"), now)
    event = Event(Kind.SUPPRESSED, Status.FAILED, failure=UNDECIDABLE)
    return happen(change, event, now, **failed_with(UNDECIDABLE))


def look_again(change: Change, obstacle: Obstacle, now: dt.datetime) -> Change:
    """Where it is, to be looked at again soon. Only the first such look is an event: the others find the same."""
    delivery = change.delivery
    since = delivery.deferred_at
    waited = 0.0 if since is None else (now - since).total_seconds()
    wait = min(max(waited / 2, SHORTEST_SECONDS), LONGEST_SECONDS[obstacle.rule])
    due_at = now + dt.timedelta(seconds=wait)
    if delivery.expires_at is not None:
        due_at = min(due_at, delivery.expires_at)
    if since is not None:
        return Change(in_time(delivery._replace(due_at=due_at, drawn=False)), change.events)
    decision = {"rule": obstacle.rule, "result": "DEFERRED", "reason": obstacle.reason}
    return happen(
        change, Event(Kind.DEFERRED, delivery.status, decisions=(decision,)), now, due_at=due_at, deferred_at=now
    )
