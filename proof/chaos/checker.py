"""The checker: holds what was promised against what happened. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from proof.chaos.evidence import Evidence
from proof.chaos.findings import View, Violation
from proof.chaos.invariants import of_attempts, of_entries

Check = Callable[[View], Iterator[Violation]]

#: One function for each invariant; I14 is all of them where the broker was wiped, I15 and I16 are not about faults.
CHECKS: dict[str, Check] = {
    "I1": of_entries.recorded_once,
    "I2": of_entries.ended,
    "I3": of_entries.receipts_are_committed,
    "I4": of_attempts.sent_at_most,
    "I5": of_attempts.intent_first,
    "I6": of_attempts.fenced,
    "I7": of_attempts.transitions_allowed,
    "I8": of_entries.keys_idempotent,
    "I9": of_attempts.retries_bounded,
    "I10": of_entries.limit_kept,
    "I11": of_entries.tenants_apart,
    "I12": of_attempts.nothing_after_withdrawal,
    "I13": of_entries.books_balance,
}


@dataclass(frozen=True)
class Figures:
    """Counts of one judgement. ``lost``: acknowledged, and not ended as it should have; ``phantom``: nobody asked."""

    acknowledged: int
    lost: int
    phantom: int
    duplicates: int  # receipts beyond the first
    unknown_outcomes: int
    unknown_because: dict[str, int]  # by failure code
    statuses: dict[str, int]


@dataclass(frozen=True)
class Verdict:
    """What the checker found."""

    violations: list[Violation]
    figures: Figures


def check(evidence: Evidence) -> Verdict:
    """All violations of I1 to I13, and figures."""
    view = View(evidence)
    violations = [violation for one in CHECKS.values() for violation in one(view)]
    return Verdict(violations, _figures(view, violations))


def _figures(view: View, violations: list[Violation]) -> Figures:
    acknowledged = {one.notification_id for one in view.evidence.journal.acknowledged}
    unknown = Counter(code for notification_id in view.rows for code in view.unknown(notification_id))
    return Figures(
        acknowledged=len(acknowledged),
        lost=len({v.subject for v in violations if v.invariant in ("I1", "I2") and v.subject in acknowledged}),
        phantom=len({v.subject for v in violations if v.kind == "phantom"}),
        duplicates=sum(max(0, len(receipts) - 1) for receipts in view.receipts.values()),
        unknown_outcomes=unknown.total(),
        unknown_because=dict(unknown),
        statuses=dict(Counter(row.status for row in view.rows.values())),
    )
