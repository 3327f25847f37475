"""Invariants about attempts and the order of things: I4, I5, I6, I7, I9, I12."""

from __future__ import annotations

import bisect
import itertools
from collections import Counter
from collections.abc import Iterator

from proof.chaos.evidence import Event, Rules
from proof.chaos.findings import View, Violation
from services.ledger.rules.states import IllegalTransition, Status, step

#: A notification that was withdrawn.
WITHDRAWALS = frozenset({"CANCELLED", "SUPPRESSED"})
#: By how much a time written by PostgreSQL (microseconds) and one by the checker (floats) may differ, s.
ROUNDING_S = 0.000_01


def sent_at_most(view: View) -> Iterator[Violation]:
    """I4: one receipt, and one more for each unknown outcome and for each further channel that took over.

    With at-most-once, and where no fault was, no unknown outcome allows for one more.
    """
    for notification_id, receipts in view.receipts.items():
        row = view.rows.get(notification_id)
        if row is None:
            continue  # I3's
        certain = row.at_most_once or view.evidence.rules.undisturbed
        allowed = 1 + view.fallback_steps(notification_id) + (0 if certain else len(view.unknown(notification_id)))
        if len(receipts) > allowed:
            yield Violation("I4", "duplicate", notification_id, f"{len(receipts)} receipts, {allowed} allowed")


def intent_first(view: View) -> Iterator[Violation]:
    """I5: the n-th receipt comes after the n-th attempt was committed."""
    for notification_id, receipts in view.receipts.items():
        begins = sorted(
            begin.at for begin, end in view.attempts(notification_id) if end is None or end.outcome != "RELEASED"
        )
        for number, at in enumerate(sorted(receipt.at for receipt in receipts)):
            if number >= len(begins):
                yield Violation("I5", "no intent", notification_id, f"receipt {number + 1} has no attempt")
            elif at < begins[number] - ROUNDING_S:
                yield Violation("I5", "too early", notification_id, f"receipt {number + 1} is older than its attempt")


def fenced(view: View) -> Iterator[Violation]:
    """I6: fences grow; an attempt ends once, by its own fence, before the next one begins."""
    for notification_id in view.rows:
        held = last = 0
        for event in view.events(notification_id):
            if event.kind == "ATTEMPT_STARTED":
                if held:
                    yield Violation("I6", "two leases", notification_id, f"fences {held} and {event.fence}")
                if event.fence <= last:
                    yield Violation("I6", "fence", notification_id, f"{event.fence} after {last}")
                held = last = event.fence
            elif event.kind == "ATTEMPT_ENDED":
                if event.fence != held:
                    yield Violation("I6", "stale", notification_id, f"fence {event.fence} settled, {held} was held")
                held = 0
            elif event.kind == "RECEIPT" and event.status != "SENDING":
                held = 0


def transitions_allowed(view: View) -> Iterator[Violation]:
    """I7: timelines have no gaps, go by the table, and end where the row stands."""
    for notification_id, row in view.rows.items():
        timeline = view.events(notification_id)
        if [event.sequence for event in timeline] != list(range(1, row.revision + 1)):
            yield Violation("I7", "gap", notification_id, f"{len(timeline)} events, revision {row.revision}")
        if timeline and timeline[-1].status != row.status:
            yield Violation(
                "I7", "end", notification_id, f"{timeline[-1].status} in the timeline, {row.status} in the row"
            )
        for before, after in itertools.pairwise(timeline):
            if not _may_follow(before.status, after):
                yield Violation("I7", "transition", notification_id, f"{before.status} became {after.status}")


def _may_follow(before: str, event: Event) -> bool:
    try:
        step(Status(before), Status(event.status), falls_back=event.kind == "FALLBACK")
    except IllegalTransition:
        return False
    return True


def retries_bounded(view: View) -> Iterator[Violation]:
    """I9: no more attempts by each channel than allowed, none before its time, none after the time to live."""
    rules = view.evidence.rules
    for notification_id, row in view.rows.items():
        attempts = view.attempts(notification_id)
        counted = [begin for begin, end in attempts if end is None or end.outcome != "RELEASED"]
        moves = [event.sequence for event in view.events(notification_id) if event.kind == "FALLBACK"]
        by_channel = Counter(bisect.bisect(moves, begin.sequence) for begin in counted)
        if max(by_channel.values(), default=0) > row.max_attempts:
            yield Violation("I9", "attempts", notification_id, f"{max(by_channel.values())} of {row.max_attempts}")
        for (before, end), (begin, _) in itertools.pairwise(attempts):
            if bisect.bisect(moves, before.sequence) != bisect.bisect(moves, begin.sequence):
                continue  # another channel took over: it waits for nothing that the one before was asked for
            earliest = _earliest(end, rules, before.provider == begin.provider)
            if begin.at < earliest - ROUNDING_S:
                yield Violation("I9", "too soon", notification_id, f"{earliest - begin.at:.3f} s before its time")
        for begin, _ in attempts:
            if row.expires_at is not None and begin.at >= row.expires_at:
                yield Violation("I9", "expired", notification_id, "an attempt began after its time to live")


def _earliest(end: Event | None, rules: Rules, same_provider: bool) -> float:
    """When the attempt after one that ended so may begin: after the back-off and what its own provider asked for."""
    if end is None:
        return 0.0
    asked = rules.retry_after_s.get(end.failure_code, 0.0) if same_provider else 0.0
    return max(end.next_attempt_at or 0.0, end.at + asked)


def nothing_after_withdrawal(view: View) -> Iterator[Violation]:
    """I12: what was cancelled or suppressed is not attempted any more; what the caller was told is so."""
    for notification_id in view.rows:
        withdrawn = False
        for event in view.events(notification_id):
            if withdrawn and event.kind == "ATTEMPT_STARTED":
                yield Violation("I12", "attempt", notification_id, "an attempt began after it was withdrawn")
            withdrawn = withdrawn or event.kind in WITHDRAWALS
    for notification_id in view.evidence.journal.cancelled:
        row = view.rows.get(notification_id)
        if row is not None and row.status != "CANCELLED":
            yield Violation("I12", "cancel", notification_id, f"cancelled for its caller, and {row.status}")
