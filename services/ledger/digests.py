"""Digests: several notifications of one user that one of them tells.

The first of them opens the digest, waits for its end, and tells all; whatever comes meanwhile is SUPPRESSED and names
it. Who joins holds the digest's row until he has committed; who sends deletes it first: so all that joined are told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.ledger import rows
from services.ledger.delivery import Ref
from services.ledger.postgres import Connection

#: A digest tells so many at the most, and so many bytes of context; all are counted.
MOST_ENTRIES, MOST_BYTES = 100, 256 * 1024

_CLOSE = """
DELETE FROM digests d USING json_to_recordset(%(refs)s::json) AS r(tenant_id text, notification_id uuid)
WHERE d.tenant_id = r.tenant_id AND d.notification_id = r.notification_id
"""

# Ids begin with their time: the oldest first, which is the one that tells all.
_ENTRIES = """
SELECT r.tenant_id, r.notification_id::text, counted.entries, n.context_json
FROM json_to_recordset(%(refs)s::json) AS r(tenant_id text, notification_id uuid)
CROSS JOIN LATERAL (
    SELECT count(*) AS entries FROM notifications n
    WHERE n.tenant_id = r.tenant_id AND n.collapsed_into = r.notification_id
) counted
CROSS JOIN LATERAL (
    SELECT n.notification_id, n.context_json FROM notifications n
    WHERE n.tenant_id = r.tenant_id AND n.collapsed_into = r.notification_id
    ORDER BY n.notification_id <> r.notification_id, n.notification_id LIMIT %(most)s
) n
ORDER BY r.tenant_id, r.notification_id, n.notification_id <> r.notification_id, n.notification_id
"""

# Deletes digests that have ended; who tells one deletes it, so these are few.
# Counted up to a limit.
ENDED = """
SELECT count(*) FROM (SELECT FROM digests WHERE ends_at <= %(before)s LIMIT %(limit)s) AS ended
"""

PURGE = """
DELETE FROM digests WHERE (tenant_id, digest) IN (
    SELECT tenant_id, digest FROM digests WHERE ends_at <= %(before)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
"""


async def close(connection: Connection, heads: Iterable[Ref]) -> None:
    """Lets nothing more into the digests of ``heads``, which are held; of those that are no heads, nothing happens."""
    await connection.execute(_CLOSE, {"refs": rows.refs(heads)})


async def contexts(connection: Connection, heads: Sequence[Ref]) -> dict[Ref, str]:
    """The contexts of ``heads``, each as JSON with the ``digest`` that it tells. They must have been closed before."""
    cursor = await connection.execute(_ENTRIES, {"refs": rows.refs(heads), "most": MOST_ENTRIES})
    counts: dict[Ref, int] = {}
    found: dict[Ref, list[str]] = {}
    for tenant_id, notification_id, count, context in await cursor.fetchall():
        counts[tenant_id, notification_id] = count
        found.setdefault((tenant_id, notification_id), []).append(context)
    return {ref: told(entries, counts[ref]) for ref, entries in found.items()}


def told(entries: Sequence[str], count: int) -> str:
    """The first of ``entries`` (JSON objects) with ``digest``: how many there are, how many of them are
    left out, and those that fit.

    Put together as text: to the last byte each is what was asked for.
    """
    kept: list[str] = []
    size = 0
    for entry in entries[:MOST_ENTRIES]:
        size += len(entry.encode())
        if kept and size > MOST_BYTES:
            break
        kept.append(entry or "{}")
    own = kept[0].strip()[1:-1].strip()
    omitted = count - len(kept)
    digest = f'"digest": {{"count": {count}, "omitted": {omitted}, "entries": [{", ".join(kept)}]}}'
    return f"{{{own}, {digest}}}" if own else f"{{{digest}}}"
