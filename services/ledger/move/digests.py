"""Digests: several notifications of one user that one of them tells.

The first of them opens the digest, waits for its end, and tells all; whatever comes meanwhile is SUPPRESSED and names
it. Who joins holds the digest's row until he has committed; who sends deletes it first: so all that joined are told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from services.ledger.postgres import rows, sql
from services.ledger.postgres.postgres import Connection
from services.ledger.rules.delivery import Ref

#: A digest tells so many at the most, and so many bytes of context; all are counted.
MOST_ENTRIES, MOST_BYTES = 100, 256 * 1024

_CLOSE = f"""
DELETE FROM digests d USING {sql.REFS}
WHERE d.tenant_id = r.tenant_id AND d.notification_id = r.notification_id
"""  # noqa: S608 -- made of constants

#: Those of a batch of references that tell a digest, or are to.
TELLERS = f"""
SELECT n.tenant_id, n.notification_id::text
FROM {sql.REFS} JOIN notifications n USING (tenant_id, notification_id)
WHERE n.collapsed_into = n.notification_id
"""  # noqa: S608 -- made of constants

# Ids begin with their time: the oldest first, which is the one that tells all. No more is read than is told.
_ENTRIES = f"""
SELECT r.tenant_id, r.notification_id::text, counted.entries, n.context_json
FROM json_to_recordset(%(refs)s::json) AS r(tenant_id text, notification_id uuid, bytes bigint)
CROSS JOIN LATERAL (
    SELECT count(*) AS entries FROM notifications n
    WHERE n.tenant_id = r.tenant_id AND n.collapsed_into = r.notification_id
) counted
CROSS JOIN LATERAL (
    SELECT m.*, row_number() OVER oldest AS place, sum(octet_length(m.context_json)) OVER oldest AS bytes
    FROM (
        SELECT n.notification_id, n.context_json FROM notifications n
        WHERE n.tenant_id = r.tenant_id AND n.collapsed_into = r.notification_id
        ORDER BY n.notification_id <> r.notification_id, n.notification_id LIMIT {MOST_ENTRIES}
    ) m
    WINDOW oldest AS (ORDER BY m.notification_id <> r.notification_id, m.notification_id ROWS UNBOUNDED PRECEDING)
) n
WHERE n.place = 1 OR n.bytes <= least({MOST_BYTES}, r.bytes)
ORDER BY r.tenant_id, r.notification_id, n.place
"""  # noqa: S608 -- made of constants

# Digests that have ended and are still there, counted up to a limit.
ENDED = """
SELECT count(*) FROM (SELECT FROM digests WHERE ends_at <= %(before)s LIMIT %(limit)s) AS ended
"""

# Deletes some of them; who tells a digest deletes it, so these are few.
PURGE = """
DELETE FROM digests WHERE (tenant_id, digest) IN (
    SELECT tenant_id, digest FROM digests WHERE ends_at <= %(before)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
"""


async def close(connection: Connection, heads: Iterable[Ref]) -> None:
    """Lets nothing more into the digests of ``heads``, which are held; of those that are no heads, nothing happens."""
    await connection.execute(_CLOSE, rows.refs(heads))


async def contexts(connection: Connection, room: Mapping[Ref, int]) -> dict[Ref, str]:
    """The contexts of those that tell digests, each as JSON with the ``digest`` that it tells.

    ``room`` says how many bytes of others' contexts each may hold, if that is less than :data:`MOST_BYTES`. They must
    have been closed before.
    """
    heads = [{"tenant_id": tenant, "notification_id": id_, "bytes": most} for (tenant, id_), most in room.items()]
    cursor = await connection.execute(_ENTRIES, {"refs": rows.encode(heads)})
    counts: dict[Ref, int] = {}
    found: dict[Ref, list[str]] = {}
    for tenant_id, notification_id, count, context in await cursor.fetchall():
        counts[tenant_id, notification_id] = count
        found.setdefault((tenant_id, notification_id), []).append(context or "{}")
    return {ref: told(entries, counts[ref]) for ref, entries in found.items()}


def told(entries: Sequence[str], count: int) -> str:
    """The first of ``entries`` (JSON objects) with ``digest``: how many there are, how many of them are left out, and
    those that are told.

    Put together as text: to the last byte each is what was asked for.
    """
    own = entries[0].strip()[1:-1].strip()
    omitted = count - len(entries)
    digest = f'"digest": {{"count": {count}, "omitted": {omitted}, "entries": [{", ".join(entries)}]}}'
    return f"{{{own}, {digest}}}" if own else f"{{{digest}}}"
