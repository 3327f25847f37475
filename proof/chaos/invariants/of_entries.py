"""Invariants about what was accepted and what became of it: I1, I2, I3, I8, I10, I11, I13."""

from __future__ import annotations

import bisect
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator

from proof.chaos.evidence import Row
from proof.chaos.findings import View, Violation
from proof.chaos.load import Ask

#: Nothing more happens by itself.
ENDED = frozenset({"SENT", "DELIVERED", "UNDELIVERED", "FAILED", "UNKNOWN", "EXPIRED", "CANCELLED", "SUPPRESSED"})
#: A provider must have it.
ARRIVED = frozenset({"SENT", "DELIVERED"})
#: What may be said to the second of two requests under one key.
KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"


def recorded_once(view: View) -> Iterator[Violation]:
    """I1: each acknowledgement has exactly one row, with what was asked for; no row is there that nobody asked for."""
    for given in view.evidence.journal.acknowledged:
        row = view.rows.get(given.notification_id)
        if row is None:
            yield Violation("I1", "lost", given.notification_id, "acknowledged, and not in the ledger")
        elif (row.user, row.to) != (given.ask.user, given.ask.to) or _is_elsewhere(view, row, given.ask.channel):
            yield Violation("I1", "changed", given.notification_id, "the row is another request's")
    times = Counter(row.notification_id for row in view.evidence.rows)
    yield from (Violation("I1", "twice", one, f"{count} rows") for one, count in times.items() if count > 1)
    yield from _phantoms(view)


def _is_elsewhere(view: View, row: Row, channel: str) -> bool:
    """True for another channel than the one asked for, unless it has moved on from that."""
    return row.channel != channel and not view.fallback_steps(row.notification_id)


def _phantoms(view: View) -> Iterator[Violation]:
    """Rows beyond what was asked: by recipient, which is one ask's alone."""
    asked = Counter(ask.to for ask in view.evidence.journal.asked)
    rows = defaultdict(list)
    for row in view.evidence.rows:
        rows[row.to].append(row.notification_id)
    for to, ids in rows.items():
        for surplus in ids[asked[to] :]:
            yield Violation("I1", "phantom", surplus, "nobody asked for it")


def ended(view: View) -> Iterator[Violation]:
    """I2: every row has ended; what is SENT or DELIVERED has a receipt."""
    for row in view.rows.values():
        if row.status not in ENDED:
            yield Violation("I2", "unfinished", row.notification_id, f"it stands at {row.status}")
        elif row.status in ARRIVED and not view.receipts.get(row.notification_id):
            yield Violation("I2", "lost", row.notification_id, f"it is {row.status}, and no provider has it")


def receipts_are_committed(view: View) -> Iterator[Violation]:
    """I3: every receipt belongs to a row, and recipient and text are those that were asked for."""
    texts = defaultdict(set)
    for ask in view.evidence.journal.asked:
        texts[ask.to].add(ask.body_sha256)
    for receipt in view.evidence.receipts:
        row = view.rows.get(receipt.notification_id)
        if row is None:
            yield Violation("I3", "phantom", receipt.notification_id or "-", "a provider has what the ledger has not")
        elif receipt.to_sha256 not in {sha256(to) for to in (row.to, *row.further_recipients)}:
            yield Violation("I3", "recipient", receipt.notification_id, "it went to somebody else")
        elif receipt.body_sha256 not in texts[row.to]:
            yield Violation("I3", "text", receipt.notification_id, "another text arrived")


def sha256(text: str) -> str:
    """In hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def keys_idempotent(view: View) -> Iterator[Violation]:
    """I8: one key, one row, one answer; a second request under it is refused and has no effect."""
    journal = view.evidence.journal
    answers: dict[tuple[str, str], dict[Ask, set[str]]] = defaultdict(lambda: defaultdict(set))
    for given in journal.acknowledged:
        if given.ask.key:
            answers[given.ask.tenant, given.ask.key][given.ask].add(given.notification_id)
    for (_, key), by_ask in answers.items():
        ids = set().union(*by_ask.values())
        if len(by_ask) > 1:
            yield Violation("I8", "two requests", key, f"both were acknowledged: {sorted(ids)}")
        elif len(ids) > 1:
            yield Violation("I8", "two answers", key, f"{sorted(ids)}")
    rows = Counter((row.tenant, row.key) for row in view.evidence.rows if row.key)
    yield from (Violation("I8", "two rows", key, f"{count} rows") for (_, key), count in rows.items() if count > 1)


def limit_kept(view: View) -> Iterator[Violation]:
    """I10: in no window were more admitted for one user and channel than the limit says."""
    rules = view.evidence.rules
    admitted = defaultdict(list)
    for row in view.evidence.rows:
        admitted[row.tenant, row.user, row.channel].append(row.created_at)
    for (_, user, channel), times in admitted.items():
        times.sort()
        most = max(i + 1 - bisect.bisect_right(times, end - rules.window_s) for i, end in enumerate(times))
        if most > rules.limit:
            yield Violation("I10", "limit", f"{user}/{channel}", f"{most} in one window, {rules.limit} allowed")


def tenants_apart(view: View) -> Iterator[Violation]:
    """I11: a row and all its events belong to the tenant who asked."""
    owner = {ask.user: ask.tenant for ask in view.evidence.journal.asked}
    for row in view.rows.values():
        tenants = {row.tenant} | {event.tenant for event in view.events(row.notification_id)}
        if tenants != {owner.get(row.user, row.tenant)}:
            yield Violation("I11", "tenant", row.notification_id, f"found under {sorted(tenants)}")


def books_balance(view: View) -> Iterator[Violation]:
    """I13: at every look, accepted = ended + pending, no less than was acknowledged, no more than was asked for."""
    for number, look in enumerate(view.evidence.snapshots):
        if look.accepted != look.terminal + look.pending:
            yield Violation("I13", "balance", f"snapshot {number}", f"{look}")
        elif not look.acknowledged_before <= look.accepted <= look.asked_after:
            yield Violation("I13", "bounds", f"snapshot {number}", f"{look}")
