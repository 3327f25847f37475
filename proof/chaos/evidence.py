"""What a cell left behind, as the checker reads it. Times are seconds since 1970."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from proof.chaos.journal import Journal


@dataclass(frozen=True)
class Row:
    """One notification in the ledger."""

    notification_id: str
    tenant: str
    user: str
    channel: str
    to: str
    key: str
    status: str
    at_most_once: bool
    max_attempts: int
    created_at: float
    expires_at: float | None
    updated_at: float
    revision: int
    #: Where the further channels go that it may move on to.
    further_recipients: Sequence[str] = ()


@dataclass(frozen=True)
class Event:
    """One entry of a timeline. ``fence`` and ``attempt`` are 0 where it has none."""

    notification_id: str
    tenant: str
    sequence: int
    at: float
    kind: str
    status: str
    attempt: int = 0
    fence: int = 0
    outcome: str = ""
    failure_code: str = ""
    next_attempt_at: float | None = None
    provider: str = ""


@dataclass(frozen=True)
class Receipt:
    """One entry of the providers' own log."""

    notification_id: str
    to_sha256: str
    body_sha256: str
    at: float


@dataclass(frozen=True)
class Snapshot:
    """One look at the whole ledger while it worked, by one statement; the driver's count of before and after it."""

    acknowledged_before: int
    accepted: int
    terminal: int
    pending: int
    asked_after: int


@dataclass(frozen=True)
class Rules:
    """By what the checker judges this run."""

    limit: int
    window_s: float
    #: Shortest wait after a failure with that code, s: what the provider asked for.
    retry_after_s: Mapping[str, float] = field(default_factory=dict)
    #: No fault at all: then nothing may be sent twice.
    undisturbed: bool = False


@dataclass(frozen=True)
class Evidence:
    """Everything the checker goes by."""

    journal: Journal
    rows: Sequence[Row]
    events: Mapping[str, Sequence[Event]]
    receipts: Sequence[Receipt]
    snapshots: Sequence[Snapshot]
    rules: Rules
