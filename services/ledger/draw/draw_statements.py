"""The statements of a draw, written by hand: they find what is due by one index, of which they read what they need."""

from __future__ import annotations

from services.ledger.postgres.tables import NEXT_PROVIDER

#: Flows looked through for one draw; where there are more, draws take up where the last one ended.
MOST_FLOWS = 2_000

# Said before the others, in their transaction. What is taken of a flow is a bit of its beginning, in the index's order:
# statistics of a quiet hour must not talk PostgreSQL into sorting all that waits.
IN_ORDER = "SELECT set_config('enable_sort', 'off', true)"

# A "loose index scan" (https://wiki.postgresql.org/wiki/Loose_indexscan): from each flow to the next by one look into
# the index, however much waits in each. What it finds of a flow is what is due first there.
_STEP = f"""
SELECT d.tenant_id, {NEXT_PROVIDER} AS provider, d.due_at FROM deliveries d
WHERE d.lane = %(lane)s AND d.due_at IS NOT NULL AND {{0}} AND {{1}}
ORDER BY d.lane, d.tenant_id, {NEXT_PROVIDER}, d.due_at LIMIT 1
"""  # noqa: S608 -- made of constants


def _scan(name: str, begin: str, bound: str) -> str:
    """The flows of the tenants from ``begin`` on, within ``bound``."""
    following = f"(d.tenant_id, {NEXT_PROVIDER}) > (f.tenant_id, f.provider)"
    return f"""{name} AS (
    ({_STEP.format(begin, bound)})
    UNION ALL
    SELECT n.* FROM {name} f CROSS JOIN LATERAL ({_STEP.format(following, bound)}) n
)"""  # noqa: S608 -- made of constants


# The flows of a lane with anything to be looked at, now or later, round from the first tenant; with its weight.
FLOWS = f"""
WITH RECURSIVE {_scan("onward", "d.tenant_id >= %(first)s", "TRUE")},
{_scan("around", "d.tenant_id >= ''", "d.tenant_id < %(first)s")},
flow AS (SELECT * FROM onward UNION ALL SELECT * FROM around LIMIT {MOST_FLOWS})
SELECT f.tenant_id, f.provider, f.due_at <= %(now)s,
    coalesce((SELECT l.amount FROM limits l WHERE l.tenant_id = f.tenant_id AND l.limit_id = 'fair_share'
        AND l.deleted_at IS NULL), 1)
FROM flow f
"""  # noqa: S608 -- made of constants

# Draws so many due deliveries of each flow, longest due first, past those that another draw holds. The order names the
# index's columns before the time, which are alike here: by the time alone PostgreSQL sorts all that waits. Being drawn
# moves the time of the next look, not beyond that at which its next channel is to take over: until it is claimed, a
# delivery keeps its status.
DRAW = f"""
WITH due AS MATERIALIZED (
    SELECT x.*, r.provider
    FROM json_to_recordset(%(flows)s::json) AS r(tenant_id text, provider text, places integer)
    CROSS JOIN LATERAL (
        SELECT d.tenant_id, d.notification_id, d.due_at FROM deliveries d
        WHERE d.lane = %(lane)s AND d.tenant_id = r.tenant_id AND {NEXT_PROVIDER} = r.provider AND d.due_at <= %(now)s
        ORDER BY d.lane, d.tenant_id, {NEXT_PROVIDER}, d.due_at LIMIT r.places FOR UPDATE SKIP LOCKED
    ) x
)
UPDATE deliveries d
SET due_at = least(%(redispatch_at)s, CASE WHEN d.fallback_at > %(now)s THEN d.fallback_at END), drawn = TRUE
FROM due
WHERE d.tenant_id = due.tenant_id AND d.notification_id = due.notification_id
RETURNING d.tenant_id, d.notification_id::text, due.provider, due.due_at,
    d.status IN ('SCHEDULED', 'QUEUED', 'RETRYING') AND d.expires_at IS NOT NULL AND d.expires_at <= %(now)s
"""  # noqa: S608 -- made of constants
