"""Who tells a digest when the one that was to tell it ends unsent.

What it collected must not be lost with it: the oldest of them that can still be sent takes its place, at the same time,
and those that joined are told by that one. A dead letter keeps its digest, as its replay tells it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from services.ledger.postgres import rows, sql
from services.ledger.postgres.postgres import Connection
from services.ledger.rules import fallbacks
from services.ledger.rules.changes import begin, happen
from services.ledger.rules.delivery import Change, Delivery, Event, Kind, Ref
from services.ledger.rules.recipient_rules import decision
from services.ledger.rules.states import Status

#: Ended like this, it was not sent, and never will be.
_UNSENT = frozenset({Status.CANCELLED, Status.EXPIRED, Status.SUPPRESSED})

# Whoever joins at this moment has committed afterwards, and is seen by the next statement.
_HOLD = """
SELECT d.digest FROM digests d
JOIN json_to_recordset(%(heads)s::json) AS r(tenant_id text, notification_id uuid) USING (tenant_id, notification_id)
ORDER BY d.tenant_id, d.digest FOR UPDATE OF d
"""

# Of each digest the oldest that can still be sent. What keeps its recipient from being sent one of them keeps him from
# being sent the others too, unless they have another channel. What was begun may have arrived: who is to be told once
# at the most is not told after it.
_HEIRS = f"""
SELECT r.notification_id::text, heir.*
FROM json_to_recordset(%(heads)s::json) AS r(
    tenant_id text, notification_id uuid, at timestamptz, suppressed boolean, begun boolean)
JOIN notifications h ON h.tenant_id = r.tenant_id AND h.notification_id = r.notification_id
    AND h.collapsed_into = h.notification_id
CROSS JOIN LATERAL (
    SELECT {sql.DELIVERY} FROM notifications n
    JOIN deliveries d ON d.tenant_id = n.tenant_id AND d.notification_id = n.notification_id
    WHERE n.tenant_id = r.tenant_id AND n.collapsed_into = r.notification_id AND n.notification_id <> r.notification_id
        AND d.status = 'SUPPRESSED' AND (d.expires_at IS NULL OR d.expires_at > r.at)
        AND (NOT r.suppressed OR d.fallbacks IS NOT NULL) AND (NOT r.begun OR d.guarantee = 'AT_LEAST_ONCE')
    ORDER BY n.notification_id LIMIT 1 FOR UPDATE OF d
) heir
"""  # noqa: S608 -- made of constants

# All that the one was to tell, and what joins from now on, is the other's.
_INHERIT = """
WITH heir AS (
    SELECT * FROM json_to_recordset(%(heirs)s::json) AS r(tenant_id text, head uuid, notification_id uuid)
), open AS (
    UPDATE digests d SET notification_id = h.notification_id FROM heir h
    WHERE d.tenant_id = h.tenant_id AND d.notification_id = h.head
)
UPDATE notifications n SET collapsed_into = h.notification_id FROM heir h
WHERE n.tenant_id = h.tenant_id AND n.collapsed_into = h.head AND n.notification_id <> h.head
"""


async def arrange(connection: Connection, changes: list[Change], now: dt.datetime) -> list[Change]:
    """``changes``, those that end a digest's teller explained, and those of who takes over; nothing else is written.

    Costs nothing where nothing ends unsent. Must come before the changes are written.
    """
    ended = {one.delivery.ref: one for one in changes if one.delivery.status in _UNSENT}
    if not ended:
        return changes
    heads = {"heads": rows.encode(_head(one, now) for one in ended.values())}
    await connection.execute(_HOLD, heads)
    found = await (await connection.execute(_HEIRS, heads)).fetchall()
    heirs: Mapping[Ref, Delivery] = {
        (heir.tenant_id, head): heir for head, heir in map(_heir, found) if heir.understood
    }
    if not heirs:
        return changes
    inherited = rows.encode(
        {"tenant_id": tenant, "head": head, "notification_id": heir.notification_id}
        for (tenant, head), heir in heirs.items()
    )
    await connection.execute(_INHERIT, {"heirs": inherited})
    succeeding = [succeed(heir, ended[ref], now) for ref, heir in heirs.items()]
    return [*(_told(one, heirs.get(one.delivery.ref)) for one in changes), *succeeding]


def succeed(heir: Delivery, head: Change, now: dt.datetime) -> Change:
    """SCHEDULED for when ``head`` would have been sent."""
    ready_at = max(now, head.delivery.ready_at)
    why = f"the one that was to tell its digest is {head.delivery.status}: it tells it instead"
    event = Event(
        Kind.DEFERRED,
        Status.SCHEDULED,
        decisions=(decision("digest", "SCHEDULED", why),),
        next_attempt_at=ready_at,
    )
    fallback_at = fallbacks.next_at(heir, ready_at)
    return happen(begin(heir), event, now, due_at=ready_at, ready_at=ready_at, fallback_at=fallback_at)


def _heir(row: tuple[Any, ...]) -> tuple[str, Delivery]:
    """With the id of the one whose place it takes."""
    return row[0], rows.delivery(row[1:])


def _head(change: Change, now: dt.datetime) -> dict[str, Any]:
    delivery = change.delivery
    return {
        "tenant_id": delivery.tenant_id,
        "notification_id": delivery.notification_id,
        "at": max(now, delivery.ready_at),
        "suppressed": delivery.status is Status.SUPPRESSED,
        "begun": delivery.fence > 0,
    }


def _told(change: Change, heir: Delivery | None) -> Change:
    """With the one that takes over, if there is one, in the event by which it ended."""
    if heir is None:
        return change
    *before, last = change.events
    why = decision("digest", "PASSED_ON", f"{heir.notification_id} tells the digest instead")
    return change._replace(events=(*before, last._replace(decisions=(*last.decisions, why))))
