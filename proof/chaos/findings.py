"""What checks share: a violation, and the evidence sorted for looking things up."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from proof.chaos.evidence import Event, Evidence, Receipt, Row


@dataclass(frozen=True)
class Violation:
    """One broken promise. ``subject`` is the id of a notification, or else what it is about."""

    invariant: str
    kind: str
    subject: str
    detail: str = ""


class View:
    """Evidence by id."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.rows: dict[str, Row] = {row.notification_id: row for row in evidence.rows}
        self.receipts: dict[str, list[Receipt]] = defaultdict(list)
        for receipt in evidence.receipts:
            self.receipts[receipt.notification_id].append(receipt)

    def events(self, notification_id: str) -> list[Event]:
        """The timeline in order."""
        return sorted(self.evidence.events.get(notification_id, ()), key=lambda event: event.sequence)

    def attempts(self, notification_id: str) -> list[tuple[Event, Event | None]]:
        """Each attempt's begin and end (None: it never ended), released ones included."""
        timeline = self.events(notification_id)
        ends = {event.fence: event for event in timeline if event.fence and event.kind == "ATTEMPT_ENDED"}
        return [(event, ends.get(event.fence)) for event in timeline if event.kind == "ATTEMPT_STARTED"]

    def fallback_steps(self, notification_id: str) -> int:
        """How many further channels took over."""
        return sum(event.kind == "FALLBACK" for event in self.events(notification_id))

    def unknown(self, notification_id: str) -> list[str]:
        """Why nobody knows of an attempt whether the provider took it over: a failure code for each such attempt."""
        ends = [end for _, end in self.attempts(notification_id)]
        return [
            end.failure_code if end else "NEVER_ENDED" for end in ends if end is None or end.outcome == "UNANSWERED"
        ]
