"""The rules without a database: the transition table, the back-off, and random lives."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ledger.move.batch_state import BatchState
from services.ledger.rules import claims, fallbacks, operator_actions, receipts, settlements
from services.ledger.rules.attempts import Ending
from services.ledger.rules.changes import begin
from services.ledger.rules.claims import Claim
from services.ledger.rules.delivery import NO_FAILURE, Change, Delivery, Event, Guarantee, Kind, Lane, Outcome
from services.ledger.rules.retries.hand_backs import hand_back
from services.ledger.rules.retry import RetryPolicies, RetryPolicy
from services.ledger.rules.states import TERMINAL, TRANSITIONS, IllegalTransition, Status, step
from shared.channel.table import Channel
from shared.errors import PulseError
from tests.ledger.conftest import NOON

POLICY = RetryPolicy(base=2.0, cap=300.0, longest_retry_after=900.0)
POLICIES = RetryPolicies(POLICY)

#: What may follow each status: the table once more, in other words.
ALLOWED = {
    "SCHEDULED": "SENDING EXPIRED CANCELLED SUPPRESSED DELIVERED FAILED",
    "QUEUED": "SCHEDULED SENDING EXPIRED CANCELLED SUPPRESSED DELIVERED FAILED",
    "SENDING": "QUEUED RETRYING SENT DELIVERED UNDELIVERED FAILED UNKNOWN",
    "RETRYING": "SCHEDULED SENDING EXPIRED CANCELLED SUPPRESSED DELIVERED FAILED",
    "SENT": "DELIVERED UNDELIVERED",
    "DELIVERED": "",
    "UNDELIVERED": "QUEUED",
    "FAILED": "QUEUED",
    "UNKNOWN": "QUEUED DELIVERED UNDELIVERED",
    "EXPIRED": "",
    "CANCELLED": "",
    "SUPPRESSED": "SCHEDULED",
}


@pytest.mark.parametrize(("before", "after"), list(itertools.permutations(Status.known(), 2)))
def test_every_transition_is_allowed_or_refused_as_written_down(before: Status, after: Status):
    if after in ALLOWED[before].split():
        assert step(before, after) is after
    else:
        with pytest.raises(IllegalTransition):
            step(before, after)


@pytest.mark.parametrize(("before", "after"), list(itertools.product(Status.known(), repeat=2)))
def test_only_what_has_not_arrived_yet_moves_on_to_its_next_channel(before: Status, after: Status):
    """SENT becomes QUEUED in this way only; what is in a worker's hands, or has ended otherwise, does not move on."""
    if after is Status.QUEUED and before in ("SCHEDULED", "QUEUED", "RETRYING", "SENT", "UNDELIVERED", "FAILED"):
        assert step(before, after, falls_back=True) is after
    else:
        with pytest.raises(IllegalTransition):
            step(before, after, falls_back=True)


def test_every_status_has_its_transitions():
    assert set(TRANSITIONS) == set(Status)
    assert set(ALLOWED) == set(Status.known())


@pytest.mark.parametrize(
    ("attempt", "random", "retry_after", "seconds"),
    [
        (1, 0.0, 0, 1.0),
        (1, 0.5, 0, 1.5),
        (2, 0.5, 0, 6.0),
        (3, 0.5, 0, 24.0),
        (9, 0.5, 0, 225.0),
        (10_000, 0.5, 0, 225.0),
        (1, 0.5, 60, 60.0),
        (9, 0.5, 60, 225.0),
        (1, 0.5, 10**9, 900.0),
        (1, 0.5, -5, 1.5),
    ],
)
def test_back_off(attempt: int, random: float, retry_after: float, seconds: float):
    assert POLICY.delay(attempt, lambda: random, retry_after) == seconds


@given(st.integers(1, 10**6), st.floats(0, 1, exclude_max=True), st.floats(-10, 10**12))
def test_a_wait_is_never_negative_nor_longer_than_its_bounds(attempt: int, random: float, retry_after: float):
    wait = POLICY.delay(attempt, lambda: random, retry_after)
    assert min(max(retry_after, 0), 900) <= wait <= 900


@pytest.mark.parametrize(
    ("attempt", "retry_after", "left", "seconds"),
    [(1, 0, 300, 1.5), (9, 0, 300, 112.5), (9, 0, 60, 22.5), (9, 0, 0.5, 0.75), (9, 30, 40, 30.0)],
)
def test_what_expires_soon_is_tried_again_in_half_of_its_time(
    attempt: int, retry_after: float, left: float, seconds: float
):
    assert POLICY.delay(attempt, lambda: 0.5, retry_after, left) == seconds


def test_the_horizon_is_the_longest_life_of_retries():
    assert POLICY.horizon(5) == 4 * 900


def fresh(guarantee: Guarantee, max_attempts: int, ttl: float | None) -> Delivery:
    values = dict.fromkeys(Delivery._fields, "") | Delivery._field_defaults
    nothing = {name: None for name in Delivery._fields if name.endswith(("_at", "_until"))}
    numbers = dict.fromkeys(("fence", "attempt", "route_index", "fallback_index"), 0)
    return Delivery(
        **(values | nothing | numbers | {"early_receipt": None, "fallbacks": None})
        | {
            "status": Status.QUEUED,
            "channel": Channel.EMAIL,
            "lane": Lane.HIGH,
            "guarantee": guarantee,
            "route": ["first", "second"],
            "max_attempts": max_attempts,
            "attempt_limit": max_attempts,
            "expires_at": None if ttl is None else NOON + dt.timedelta(seconds=ttl),
            "due_at": NOON,
            "ready_at": NOON,
            "updated_at": NOON,
            "revision": 1,
        }
    )


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["claim", "settle", "stale", "receipt", "cancel", "replay", "expire"]),
        st.sampled_from([0.0, 1.0, 11.0, 13.0, 400.0]),
        st.sampled_from(Outcome.known()),
        st.sampled_from(Status.known()),
        st.sampled_from(["", "m-1", "m-2"]),
        st.floats(0, 1, exclude_max=True),
    ),
    max_size=25,
)


def live(delivery: Delivery, move: tuple, now: dt.datetime) -> Change | None:
    """One step of a life; None if the rules refuse it."""
    what, _, outcome, status, message_id, random = move
    ending = Ending(outcome, provider_message_id=message_id)
    fence = delivery.fence - (what == "stale")
    match what:
        case "claim":
            return claims.decide(delivery, Claim("w", now + dt.timedelta(seconds=12)), now)
        case "settle" | "stale":
            settlement = settlements.Settlement(delivery.ref, fence, ending, retry_after=random * 20)
            return settlements.decide(delivery, settlement, now, POLICIES, lambda: random)
        case "receipt":
            return receipts.decide(
                delivery, receipts.Receipt(delivery.ref, "first", message_id, status, NO_FAILURE), (), now
            )
        case "expire":
            return claims.decide_expiry(delivery, now)
    try:
        return (operator_actions.cancel if what == "cancel" else operator_actions.replay)(delivery, "ops", now)
    except PulseError:
        return None


def with_fallbacks(delivery: Delivery, afters: list[float | None]) -> Delivery:
    """It may move on by SMS, to ``second`` again, so long after it might first be sent."""
    further = [{"channel": "SMS", "to": "+4915112345678", "route": ["second"], "after": after} for after in afters]
    started = delivery._replace(fallbacks=further or None)
    return started._replace(fallback_at=fallbacks.next_at(started, NOON))


def check_state(delivery: Delivery) -> None:
    assert (delivery.due_at is None) == (delivery.status in TERMINAL or _is_sent_for_good(delivery))
    if delivery.fallback_at is not None:
        assert fallbacks.pending(delivery) is not None
        if delivery.status is not Status.SENDING:
            assert delivery.due_at is not None
            assert delivery.due_at <= delivery.fallback_at
    assert (delivery.fallback_index > 0) == (delivery.channel is Channel.SMS)
    assert (delivery.lease_until is not None) == (delivery.status is Status.SENDING)
    assert 0 <= delivery.attempt <= delivery.attempt_limit
    assert delivery.attempt <= delivery.fence


def _is_sent_for_good(delivery: Delivery) -> bool:
    return delivery.status is Status.SENT and delivery.fallback_at is None


def check_change(before: Delivery, change: Change, now: dt.datetime) -> None:
    after = change.delivery
    assert change.first_sequence == before.revision + 1
    status = before.status
    for event in change.events:
        status = step(status, event.status, falls_back=event.kind is Kind.FALLBACK)
        if event.kind is Kind.ATTEMPT_STARTED:
            assert not before.expired(now)
            assert before.status is not Status.CANCELLED
    assert status is after.status
    assert after.fence - before.fence == sum(event.kind is Kind.ATTEMPT_STARTED for event in change.events)


@given(
    st.sampled_from(Guarantee.known()),
    st.integers(1, 4),
    st.none() | st.sampled_from([5.0, 100.0]),
    st.lists(st.sampled_from([None, 2.0, 20.0]), max_size=2),
    STEPS,
)
def test_no_life_breaks_a_promise(
    guarantee: Guarantee, max_attempts: int, ttl: float | None, afters: list[float | None], moves: list[tuple]
):
    delivery, now = with_fallbacks(fresh(guarantee, max_attempts, ttl), afters), NOON
    events: list[Event] = []
    for move in moves:
        now += dt.timedelta(seconds=move[1])
        change = live(delivery, move, now)
        if change is None:
            continue
        check_change(delivery, change, now)
        check_state(change.delivery)
        if delivery.status in TERMINAL:
            assert move[0] in ("replay", "receipt")
        assert change.delivery.fallback_index >= delivery.fallback_index
        events += change.events
        delivery = change.delivery
    assert delivery.revision == 1 + len(events)
    unanswered = [event for event in events if event.outcome is Outcome.UNANSWERED]
    replays = [event for event in events if event.kind is Kind.REPLAYED]
    steps = [event for event in events if event.kind is Kind.FALLBACK]
    assert len(steps) == delivery.fallback_index <= len(afters)
    if guarantee is Guarantee.AT_MOST_ONCE:
        assert len(unanswered) <= 1 + len(replays) + len(steps)


def test_changes_of_one_delivery_in_a_batch_add_up():
    held = BatchState([fresh(Guarantee.AT_LEAST_ONCE, 3, None)], {})
    (delivery,) = held
    assert held.changes() == []
    assert held.take(claims.decide(delivery, Claim("w", NOON + dt.timedelta(seconds=12)), NOON))
    claimed = held.get(delivery.ref)
    assert claimed is not None
    ending = Ending(Outcome.SUCCEEDED)
    assert held.take(
        settlements.decide(claimed, settlements.Settlement(claimed.ref, 1, ending), NOON, POLICIES, lambda: 0)
    )
    (change,) = held.changes()
    assert [event.kind for event in change.events] == [Kind.ATTEMPT_STARTED, Kind.ATTEMPT_ENDED]
    assert (change.first_sequence, change.delivery.status) == (2, Status.SENT)
    assert not held.take(None)
    assert begin(delivery).events == ()


@pytest.mark.parametrize("asked", [0.0, 5.0, 900.0])
@pytest.mark.parametrize("random", [0.0, 0.999])
def test_what_is_handed_back_for_hours_is_looked_at_every_few_minutes_and_ends(asked: float, random: float):
    delivery, now, waits = fresh(Guarantee.AT_LEAST_ONCE, 6, None), NOON, []
    while delivery.status is not Status.FAILED:
        claimed = claims.decide(delivery, Claim("w", now + dt.timedelta(seconds=12)), now)
        assert claimed is not None and claimed.delivery.status is Status.SENDING
        change = hand_back(claimed.delivery, Ending(Outcome.RELEASED), asked, 100, now, lambda: random)
        delivery, before, now = change.delivery, now, change.delivery.due_at or now
        waits.append((now - before).total_seconds())
    assert len(waits) == 100 and delivery.attempt == 0 and delivery.fence == 100
    assert waits[:5] == [asked] * 5
    assert all(max(asked, 150) <= wait <= max(asked, 300) for wait in waits[15:-1])
    assert dt.timedelta(hours=3) < now - NOON < dt.timedelta(hours=26)
