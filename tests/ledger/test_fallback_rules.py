"""When a delivery moves on to its next channel: the rules without a database."""

from __future__ import annotations

import datetime as dt

import pytest

from services.ledger.rules import deferrals, fallbacks
from services.ledger.rules.changes import begin
from services.ledger.rules.delivery import Change, Delivery, Guarantee, Kind
from services.ledger.rules.states import Status
from shared.channel.table import Channel
from tests.ledger.conftest import NOON
from tests.ledger.test_rules import fresh

FALLBACKS = [
    {"channel": "SMS", "to": "+4915112345678", "route": ["twilio"], "after": 30.0},
    {"channel": "EMAIL", "to": "ada@example.com", "route": ["smtp", "ses"], "after": None},
]


def after(seconds: float) -> dt.datetime:
    return NOON + dt.timedelta(seconds=seconds)


def pushed(status: Status = Status.SENT, ttl: float | None = None, **fields) -> Delivery:
    """A push accepted at noon, with an SMS after 30 s and then a mail if that fails."""
    start = fresh(Guarantee.AT_LEAST_ONCE, 3, ttl)._replace(channel=Channel.PUSH, status=status, fallbacks=FALLBACKS)
    started = {"attempt": 2, "route_index": 1, "fallback_at": after(30), "due_at": after(30)}
    return start._replace(**(started | fields))


def moved(change: Change) -> bool:
    return [event.kind for event in change.events] == [Kind.FALLBACK]


@pytest.mark.parametrize(
    ("status", "seconds", "expected"),
    [
        (Status.SENT, 29.9, False),
        (Status.SENT, 30, True),
        (Status.QUEUED, 30, True),
        (Status.RETRYING, 30, True),
        (Status.SCHEDULED, 30, True),
        (Status.SENDING, 30, False),
        (Status.DELIVERED, 30, False),
        (Status.UNKNOWN, 30, False),
        (Status.CANCELLED, 30, False),
        (Status.EXPIRED, 30, False),
        (Status.SUPPRESSED, 30, False),
    ],
)
def test_what_has_not_arrived_in_time_moves_on_unless_a_worker_holds_it(status, seconds, expected):
    assert moved(fallbacks.when_due(begin(pushed(status)), after(seconds))) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [(status, status in (Status.FAILED, Status.UNDELIVERED)) for status in Status.known()],
)
def test_what_failed_for_good_moves_on_and_nothing_else(status, expected):
    assert moved(fallbacks.after_failure(begin(pushed(status)), NOON)) == expected


def test_the_next_channel_begins_anew():
    fallback = fallbacks.when_due(begin(pushed(provider_message_id="m-1", sent_at=NOON)), after(31)).delivery
    assert (fallback.status, fallback.channel, fallback.route, fallback.route_index) == (
        Status.QUEUED,
        Channel.SMS,
        ["twilio"],
        0,
    )
    assert (fallback.attempt, fallback.attempt_limit) == (2, 5)
    assert (fallback.due_at, fallback.ready_at, fallback.provider_message_id, fallback.sent_at) == (
        after(31),
        after(31),
        "",
        None,
    )
    assert (fallback.fallback_index, fallback.fallback_at) == (1, None)
    last = fallbacks.after_failure(begin(fallback._replace(status=Status.FAILED)), after(40)).delivery
    assert (last.channel, last.fallback_index, last.fallback_at) == (Channel.EMAIL, 2, None)
    assert fallbacks.pending(last) is None
    assert not moved(fallbacks.after_failure(begin(last._replace(status=Status.FAILED)), after(50)))


@pytest.mark.parametrize(("index", "to"), [(0, "token"), (1, "+4915112345678"), (2, "ada@example.com")])
def test_each_channel_has_its_recipient(index: int, to: str):
    assert fallbacks.recipient(pushed(fallback_index=index), "token") == to


@pytest.mark.parametrize("status", [Status.FAILED, Status.UNDELIVERED])
def test_nothing_moves_on_after_the_time_to_live(status):
    assert not moved(fallbacks.after_failure(begin(pushed(status, ttl=5)), after(5)))
    sent = fallbacks.when_due(begin(pushed(ttl=5)), after(30))
    assert (sent.events, sent.delivery.due_at, sent.delivery.fallback_at) == ((), None, None)


def test_what_is_put_off_moves_on_as_much_later():
    put_off = deferrals.put_off(begin(pushed(Status.QUEUED)), after(3600), (), NOON).delivery
    assert (put_off.status, put_off.due_at, put_off.fallback_at) == (Status.SCHEDULED, after(3600), after(3630))
