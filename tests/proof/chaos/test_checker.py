"""The checker finds what is wrong: each invariant is broken by hand, and only its own violation is reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from proof.chaos.checker import check
from proof.chaos.evidence import Event, Evidence, Receipt, Row, Rules, Snapshot
from proof.chaos.journal import Acknowledgement, Journal
from proof.chaos.load import Ask

ID = "01900000-0000-7000-8000-000000000001"
OTHER = "01900000-0000-7000-8000-000000000002"
ASK = Ask("acme", "x-u1", "EMAIL", "HIGH", "x.1@example.com", "x-n1", key="x-k1")


def row(ask: Ask = ASK, notification_id: str = ID, **changes: object) -> Row:
    """A row that was sent at once."""
    whole = Row(
        notification_id, ask.tenant, ask.user, ask.channel, ask.to, ask.key, "SENT", False, 5, 100.0, None, 102.0, 3
    )
    return replace(whole, **changes)


def timeline(notification_id: str = ID) -> list[Event]:
    """Accepted, begun, ended well."""
    return [
        Event(notification_id, "acme", 1, 100.0, "ACCEPTED", "QUEUED"),
        Event(notification_id, "acme", 2, 101.0, "ATTEMPT_STARTED", "SENDING", 1, 1),
        Event(notification_id, "acme", 3, 102.0, "ATTEMPT_ENDED", "SENT", 1, 1, "SUCCEEDED"),
    ]


def receipt(ask: Ask = ASK, notification_id: str = ID, at: float = 101.5) -> Receipt:
    """What a provider wrote down about it."""
    return Receipt(notification_id, ask.to_sha256, ask.body_sha256, at)


def retried() -> Evidence:
    """A sound run of one notification whose first call stayed unanswered."""
    events = [
        *timeline()[:2],
        Event(ID, "acme", 3, 102.0, "ATTEMPT_ENDED", "RETRYING", 1, 1, "UNANSWERED", "X", next_attempt_at=103.0),
        Event(ID, "acme", 4, 103.5, "ATTEMPT_STARTED", "SENDING", 2, 2),
        Event(ID, "acme", 5, 104.0, "ATTEMPT_ENDED", "SENT", 2, 2, "SUCCEEDED"),
    ]
    return replace(sound(), rows=[row(revision=5)], events={ID: events}, receipts=[receipt(), receipt(at=103.7)])


def moved_on() -> Evidence:
    """A sound run of one push that did not arrive and went on as an SMS."""
    number = replace(ASK, to="+4915112345678")
    events = [
        *timeline(),
        Event(ID, "acme", 4, 132.0, "FALLBACK", "QUEUED"),
        Event(ID, "acme", 5, 132.5, "ATTEMPT_STARTED", "SENDING", 2, 2),
        Event(ID, "acme", 6, 133.0, "ATTEMPT_ENDED", "SENT", 2, 2, "SUCCEEDED"),
    ]
    moved = row(revision=6, channel="SMS", max_attempts=1, further_recipients=[number.to])
    receipts = [receipt(), replace(receipt(number, at=132.7), body_sha256=ASK.body_sha256)]
    return replace(sound(), rows=[moved], events={ID: events}, receipts=receipts)


def sound() -> Evidence:
    """A run of one notification with which nothing is wrong."""
    journal = Journal(asked=[ASK], acknowledged=[Acknowledgement(ASK, ID, 100.5)])
    look = Snapshot(acknowledged_before=1, accepted=1, terminal=0, pending=1, asked_after=1)
    return Evidence(journal, [row()], {ID: timeline()}, [receipt()], [look], Rules(limit=10, window_s=60.0))


def with_events(evidence: Evidence, *events: Event, **row_changes: object) -> Evidence:
    """The evidence with another timeline and a row that fits it, unless ``row_changes`` says otherwise."""
    fitting = {"revision": len(events), "status": events[-1].status, **row_changes}
    return replace(evidence, rows=[row(**fitting)], events={ID: list(events)})


def changed(at: int, events: list[Event], **changes: object) -> list[Event]:
    """The timeline with one event changed."""
    return [replace(event, **changes) if number == at else event for number, event in enumerate(events)]


def asked_too(evidence: Evidence, *asks: Ask, acknowledged: bool = True) -> Journal:
    """The journal with further asks, each acknowledged as OTHER."""
    given = [Acknowledgement(ask, OTHER, 100.5) for ask in asks] if acknowledged else []
    journal = evidence.journal
    return replace(journal, asked=[*journal.asked, *asks], acknowledged=[*journal.acknowledged, *given])


def eleven_at_once() -> Evidence:
    asks = [replace(ASK, to=f"x.{n}@example.com", key="") for n in range(11)]
    ids = [f"01900000-0000-7000-8000-0000000001{n:02d}" for n in range(11)]
    return Evidence(
        Journal(asked=asks, acknowledged=[Acknowledgement(a, i, 100.5) for a, i in zip(asks, ids, strict=True)]),
        [row(a, i, created_at=100.0 + n) for n, (a, i) in enumerate(zip(asks, ids, strict=True))],
        {i: timeline(i) for i in ids},
        [receipt(a, i) for a, i in zip(asks, ids, strict=True)],
        [],
        Rules(limit=10, window_s=60.0),
    )


def withdrawn_and_sent() -> Evidence:
    events = [
        timeline()[0],
        Event(ID, "acme", 2, 100.7, "CANCELLED", "CANCELLED"),
        *[replace(event, sequence=event.sequence + 1) for event in timeline()[1:]],
    ]
    return with_events(sound(), *events)


BROKEN: dict[str, tuple[set[str], Callable[[], Evidence]]] = {
    "an acknowledged one is not in the ledger": (
        {"I1"},
        lambda: replace(sound(), journal=asked_too(sound(), replace(ASK, to="y@example.com", key="", user="x-u2"))),
    ),
    "an acknowledged one is another's row": (
        {"I1", "I3"},
        lambda: replace(
            sound(),
            rows=[row(to="somebody@example.com")],
            journal=asked_too(sound(), replace(ASK, to="somebody@example.com", key=""), acknowledged=False),
        ),
    ),
    "a row is there twice": ({"I1", "I8"}, lambda: replace(sound(), rows=[row(), row()])),
    "a row that nobody asked for": (
        {"I1"},
        lambda: replace(
            sound(),
            rows=[row(), row(notification_id=OTHER, to="z@example.com", key="", status="FAILED", revision=3)],
            events={ID: timeline(), OTHER: changed(2, timeline(OTHER), status="FAILED", outcome="PERMANENT_FAILURE")},
        ),
    ),
    "one that never ends": ({"I2"}, lambda: with_events(replace(sound(), receipts=[]), *timeline()[:1])),
    "SENT, and no provider has it": ({"I2"}, lambda: replace(sound(), receipts=[])),
    "a provider has what the ledger has not": (
        {"I3", "I5"},
        lambda: replace(sound(), receipts=[receipt(), receipt(notification_id=OTHER)]),
    ),
    "it went to somebody else": ({"I3"}, lambda: replace(sound(), receipts=[replace(receipt(), to_sha256="0")])),
    "another text arrived": ({"I3"}, lambda: replace(sound(), receipts=[replace(receipt(), body_sha256="0")])),
    "more receipts than unknown outcomes allow": (
        {"I4"},
        lambda: replace(with_events(retried(), *changed(2, list(retried().events[ID]), outcome="TRANSIENT_FAILURE"))),
    ),
    "two receipts by the second channel": (
        {"I4", "I5"},
        lambda: replace(moved_on(), receipts=[*moved_on().receipts, moved_on().receipts[1]]),
    ),
    "SENT becomes QUEUED, and no channel took over": (
        {"I1", "I4", "I7", "I9"},
        lambda: replace(moved_on(), events={ID: changed(3, list(moved_on().events[ID]), kind="DEFERRED")}),
    ),
    "at most once, and sent twice": ({"I4"}, lambda: replace(retried(), rows=[row(revision=5, at_most_once=True)])),
    "sent twice without any fault": ({"I4"}, lambda: replace(retried(), rules=Rules(10, 60.0, undisturbed=True))),
    "a receipt before its intent": ({"I5"}, lambda: replace(sound(), receipts=[receipt(at=100.9)])),
    "a receipt of an attempt that was given back": (
        {"I4", "I5"},
        lambda: with_events(
            retried(), *changed(2, list(retried().events[ID]), outcome="RELEASED", status="QUEUED"), max_attempts=5
        ),
    ),
    "two leases at once": (
        {"I6", "I4"},
        lambda: with_events(
            retried(),
            *[replace(e, sequence=n) for n, e in enumerate([e for e in retried().events[ID] if e.sequence != 3], 1)],
            at_most_once=True,
        ),
    ),
    "a fence that does not grow": (
        {"I6", "I9"},
        lambda: with_events(
            replace(retried(), receipts=[receipt()]),
            *changed(4, changed(3, list(retried().events[ID]), fence=1), fence=1),
        ),
    ),
    "a stale fence settles": ({"I6"}, lambda: with_events(sound(), *changed(2, timeline(), fence=7))),
    "a step that the table does not allow": (
        {"I2", "I7"},
        lambda: with_events(sound(), *timeline(), Event(ID, "acme", 4, 103.0, "RECEIPT", "QUEUED"), status="QUEUED"),
    ),
    "a timeline with a gap": ({"I7"}, lambda: replace(sound(), rows=[row(revision=4)])),
    "a row that stands elsewhere than its timeline": ({"I7"}, lambda: replace(sound(), rows=[row(status="DELIVERED")])),
    "two rows under one key": (
        {"I8"},
        lambda: replace(
            sound(),
            rows=[row(), row(notification_id=OTHER, to="y@example.com")],
            events={ID: timeline(), OTHER: timeline(OTHER)},
            receipts=[receipt(), receipt(replace(ASK, to="y@example.com"), OTHER)],
            journal=asked_too(sound(), replace(ASK, to="y@example.com"), acknowledged=False),
        ),
    ),
    "two answers under one key": (
        {"I8"},
        lambda: replace(
            sound(),
            rows=[row(), row(notification_id=OTHER, key="")],
            events={ID: timeline(), OTHER: timeline(OTHER)},
            receipts=[receipt(), receipt(notification_id=OTHER)],
            journal=replace(asked_too(sound(), ASK), asked=[ASK, ASK]),
        ),
    ),
    "two requests acknowledged under one key": (
        {"I8"},
        lambda: replace(
            sound(),
            journal=replace(
                sound().journal,
                acknowledged=[*sound().journal.acknowledged, Acknowledgement(replace(ASK, name="b"), ID, 1.0)],
            ),
        ),
    ),
    "more attempts than allowed": ({"I9"}, lambda: replace(retried(), rows=[row(revision=5, max_attempts=1)])),
    "an attempt before its back-off is over": (
        {"I9"},
        lambda: with_events(retried(), *changed(2, list(retried().events[ID]), next_attempt_at=103.6)),
    ),
    "an attempt before the provider's Retry-After is over": (
        {"I9"},
        lambda: replace(retried(), rules=Rules(10, 60.0, {"X": 2.0})),
    ),
    "an attempt after the time to live": ({"I9"}, lambda: replace(sound(), rows=[row(expires_at=100.9)])),
    "eleven admitted where ten may be": ({"I10"}, eleven_at_once),
    "a row under another tenant": ({"I11"}, lambda: replace(sound(), rows=[row(tenant="globex")])),
    "an event under another tenant": ({"I11"}, lambda: with_events(sound(), *changed(1, timeline(), tenant="globex"))),
    "an attempt after a cancel": ({"I7", "I12"}, withdrawn_and_sent),
    "cancelled for its caller, and sent": (
        {"I12"},
        lambda: replace(sound(), journal=replace(sound().journal, cancelled={ID})),
    ),
    "books that do not balance": ({"I13"}, lambda: replace(sound(), snapshots=[Snapshot(1, 3, 1, 1, 3)])),
    "acknowledged, and not yet accepted": ({"I13"}, lambda: replace(sound(), snapshots=[Snapshot(2, 1, 1, 0, 2)])),
    "accepted, and never asked for": ({"I13"}, lambda: replace(sound(), snapshots=[Snapshot(1, 2, 2, 0, 1)])),
}


def test_a_sound_run_has_no_violations() -> None:
    """Nor has one in which an unanswered call was repeated and arrived twice."""
    assert check(sound()).violations == []
    verdict = check(retried())
    assert verdict.violations == []
    assert (verdict.figures.duplicates, verdict.figures.unknown_outcomes) == (1, 1)
    assert check(moved_on()).violations == []


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_promise_is_found(what: str) -> None:
    """By the invariants that it breaks, and by no other."""
    expected, make = BROKEN[what]
    assert {violation.invariant for violation in check(make()).violations} == expected


def test_losses_and_phantoms_are_counted() -> None:
    """A loss once, however many invariants it breaks."""
    lost = check(BROKEN["SENT, and no provider has it"][1]()).figures
    phantom = check(BROKEN["a row that nobody asked for"][1]()).figures
    assert (lost.lost, lost.phantom, phantom.lost, phantom.phantom) == (1, 0, 0, 1)


def test_every_invariant_can_be_violated_here() -> None:
    """A checker that cannot fail would prove nothing."""
    assert {f"I{number}" for number in range(1, 14)} == set().union(*(expected for expected, _ in BROKEN.values()))
