"""Gathers a cell's evidence: ledger rows and events by SQL, receipts out of the providers' log."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import psycopg

from proof.chaos.evidence import Event, Evidence, Receipt, Row, Rules, Snapshot
from proof.chaos.invariants.of_entries import ENDED
from proof.chaos.journal import Journal

ROWS = """
SELECT n.notification_id::text, n.tenant_id, n.user_id, d.channel::text, n.recipient, n.idempotency_key,
    d.status::text, d.guarantee = 'AT_MOST_ONCE', d.max_attempts, extract(epoch FROM n.created_at)::float8,
    extract(epoch FROM d.expires_at)::float8, extract(epoch FROM d.updated_at)::float8, d.revision,
    ARRAY (SELECT fallback ->> 'to' FROM jsonb_array_elements(coalesce(d.fallbacks, '[]')) AS fallback)
FROM notifications n JOIN deliveries d USING (tenant_id, notification_id)
WHERE n.user_id LIKE %(users)s
"""

EVENTS = """
SELECT e.notification_id::text, e.tenant_id, e.sequence, extract(epoch FROM e.recorded_at)::float8, e.kind::text,
    e.status::text, coalesce(e.attempt, 0), coalesce(e.fence, 0), coalesce(e.outcome::text, ''),
    coalesce(e.failure_code, ''), extract(epoch FROM e.next_attempt_at)::float8, coalesce(e.provider, '')
FROM events e JOIN notifications n USING (tenant_id, notification_id)
WHERE n.user_id LIKE %(users)s
"""

#: Accepted by the timeline, ended and pending by the state: one statement sees both at one moment.
BOOKS = """
SELECT (SELECT count(*) FROM events e JOIN notifications n USING (tenant_id, notification_id)
        WHERE n.user_id LIKE %(users)s AND e.kind = 'ACCEPTED'),
    count(*) FILTER (WHERE d.status::text = ANY (%(ended)s)), count(*) FILTER (WHERE d.status::text <> ALL (%(ended)s))
FROM notifications n JOIN deliveries d USING (tenant_id, notification_id) WHERE n.user_id LIKE %(users)s
"""

KNOWN = "SELECT notification_id::text FROM notifications WHERE notification_id = ANY (%(ids)s::uuid[])"

Connection = psycopg.AsyncConnection[Any]


def pattern(prefix: str) -> str:
    """LIKE pattern of all users whose name begins with ``prefix``."""
    return prefix.replace("_", r"\_") + "-%"


async def books(connection: Connection, prefix: str) -> tuple[int, int, int]:
    """How many were accepted, have ended, and are pending, at this moment."""
    cursor = await connection.execute(BOOKS, {"users": pattern(prefix), "ended": sorted(ENDED)})
    row = await cursor.fetchone()
    assert row is not None
    return row[0], row[1], row[2]


async def gather(
    connection: Connection,
    prefix: str,
    journal: Journal,
    receipts: list[Receipt],
    snapshots: list[Snapshot],
    rules: Rules,
) -> Evidence:
    """The evidence about everything whose user begins with ``prefix``; ``receipts`` of others are left out."""
    users = {"users": pattern(prefix)}
    await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")  # reports still come in
    rows = [Row(*row) for row in await (await connection.execute(ROWS, users)).fetchall()]
    events: dict[str, list[Event]] = defaultdict(list)
    for row in await (await connection.execute(EVENTS, users)).fetchall():
        events[row[0]].append(Event(*row))
    own = {row.notification_id for row in rows}
    strangers = sorted({one.notification_id for one in receipts} - own - {""})
    found = await (await connection.execute(KNOWN, {"ids": strangers})).fetchall()
    others = {row[0] for row in found}
    await connection.execute("COMMIT")
    mine = [receipt for receipt in receipts if receipt.notification_id not in others]
    return Evidence(journal, rows, events, mine, snapshots, rules)


def read_receipts(log: Path, start: int = 0) -> tuple[list[Receipt], int]:
    """The receipts from byte ``start`` of the log on, and where it ends. A torn last line was never answered."""
    if not log.exists():
        return [], start
    with log.open("rb") as file:
        file.seek(start)
        data = file.read()
    whole = data[: data.rfind(b"\n") + 1]
    return [_receipt(line) for line in whole.splitlines()], start + len(whole)


def _receipt(line: bytes) -> Receipt:
    fields = json.loads(line)
    at = dt.datetime.fromisoformat(fields["received_at"]).timestamp()
    return Receipt(fields["notification_id"], fields["to_sha256"], fields["body_sha256"], at)
