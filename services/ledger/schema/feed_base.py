"""What is added to the numbers of transactions, so that they grow on in a database that was restored.

A server that a backup is read into counts its transactions from the beginning: without a base, what happens from then
on would stand in feeds before what happened long ago.
"""

from __future__ import annotations

import sqlalchemy as sa

#: More transactions than the database can have had since the backup: positions of then are behind none of now.
_GAP = 2**32

_IS_THERE = "SELECT to_regclass('events_feed_idx') IS NOT NULL"

_BASE = "SELECT coalesce((SELECT revision FROM revisions WHERE subject = 'feed_base'), 0)"

_NEXT = "SELECT pg_current_xact_id()::text::bigint"

_OF_FEED = "e.kind <> 'ATTEMPT_STARTED' AND e.transaction_id IS NOT NULL"

# By the feed's index from tenant to tenant, as the events may be many.
_HIGHEST = f"""
WITH RECURSIVE tenants (tenant_id) AS (
    (SELECT e.tenant_id FROM events e WHERE {_OF_FEED} ORDER BY e.tenant_id LIMIT 1)
    UNION ALL
    SELECT (SELECT e.tenant_id FROM events e WHERE {_OF_FEED} AND e.tenant_id > t.tenant_id
        ORDER BY e.tenant_id LIMIT 1)
    FROM tenants t WHERE t.tenant_id IS NOT NULL
)
SELECT coalesce(greatest(
    (SELECT max((SELECT e.transaction_id FROM events e WHERE e.tenant_id = t.tenant_id AND {_OF_FEED}
        ORDER BY e.transaction_id DESC LIMIT 1)) FROM tenants t),
    (SELECT max(transaction_id) FROM tenant_events)), 0)
"""  # noqa: S608 -- made of constants

_KEEP = """
INSERT INTO revisions (subject, revision) VALUES ('feed_base', %(base)s)
ON CONFLICT (subject) DO UPDATE SET revision = excluded.revision
"""


def grow_on(connection: sa.Connection) -> None:
    """Sets the base anew if events are there that this server has not come to yet. In a transaction of the caller's."""
    if not connection.exec_driver_sql(_IS_THERE).scalar_one():
        return
    base, number = (connection.exec_driver_sql(one).scalar_one() for one in (_BASE, _NEXT))
    connection.exec_driver_sql("SET LOCAL ROLE pulse_platform")
    highest = connection.exec_driver_sql(_HIGHEST).scalar_one()
    connection.exec_driver_sql("RESET ROLE")
    if highest <= base + number:
        return
    base = highest - number + _GAP
    for table in ("events", "tenant_events"):
        default = f"(pg_current_xact_id()::text)::bigint + {base}"
        connection.exec_driver_sql(f"ALTER TABLE {table} ALTER COLUMN transaction_id SET DEFAULT {default}")
    connection.exec_driver_sql(_KEEP, {"base": base})
