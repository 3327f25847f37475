"""What a release that does not know ``deliveries.state_revision`` left out of a row it changed.

Such a row names an earlier revision there than its own, or none. What its columns do not say is then read as that
release reads it: from the timeline, from the code of the last failure, and from the time of the next look, which its
draw moves without a new revision. All of this goes once no such release can be at work or have left rows that wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from services.ledger.postgres import rows
from services.ledger.postgres.postgres import Connection
from services.ledger.rules.delivery import Delivery, Ref

#: That of delivery d all columns hold.
KNOWN = "d.state_revision IS NOT DISTINCT FROM d.revision"

#: Whether delivery d was drawn. What was not is NULL, so that an older release's draw can be seen, or
#: FALSE where its times would say that it was (``services.ledger.move.rows``).
DRAWN = f"""
CASE WHEN {KNOWN} THEN coalesce(d.drawn, d.due_at IS DISTINCT FROM d.ready_at)
    ELSE d.due_at IS DISTINCT FROM d.ready_at END"""

# By the fence: an attempt that was handed back and the next one have the same number.
_REFUSED_BEFORE = """
ARRAY(
    SELECT (said.one ->> 'result')::uuid FROM events s
    JOIN events e ON e.tenant_id = s.tenant_id AND e.notification_id = s.notification_id AND e.fence = s.fence
        AND e.kind = 'ATTEMPT_ENDED' AND e.outcome = 'PERMANENT_FAILURE'
    CROSS JOIN LATERAL json_array_elements(s.decisions) AS said(one)
    WHERE s.tenant_id = d.tenant_id AND s.notification_id = d.notification_id AND s.kind = 'ATTEMPT_STARTED'
        AND said.one ->> 'rule' = 'device'
        AND s.sequence > coalesce((
            SELECT max(r.sequence) FROM events r
            WHERE r.tenant_id = d.tenant_id AND r.notification_id = d.notification_id AND r.kind = 'REPLAYED'), 0)
)"""

#: The devices that cannot be reached by delivery d.
REFUSED_DEVICES = f"CASE WHEN {KNOWN} THEN d.refused_devices ELSE {_REFUSED_BEFORE} END"

_TOLD = f"""
SELECT d.tenant_id, d.notification_id::text,
    (SELECT said.one ->> 'result' FROM (
        SELECT e.decisions FROM events e
        WHERE e.tenant_id = d.tenant_id AND e.notification_id = d.notification_id AND e.kind = 'ATTEMPT_STARTED'
        ORDER BY e.sequence DESC LIMIT 1
    ) started CROSS JOIN LATERAL json_array_elements(started.decisions) AS said(one)
    WHERE said.one ->> 'rule' = 'device' LIMIT 1),
    {_REFUSED_BEFORE}::text[],
    (SELECT json_object_agg(asked.provider, asked.until) FROM (
        SELECT e.provider, max(said.one ->> 'result') AS until FROM events e
        CROSS JOIN LATERAL json_array_elements(e.decisions) AS said(one)
        WHERE e.tenant_id = d.tenant_id AND e.notification_id = d.notification_id AND e.kind = 'ATTEMPT_ENDED'
            AND said.one ->> 'rule' = 'retry_after'
        GROUP BY e.provider
    ) asked)
FROM unnest(%(tenants)s::text[], %(ids)s::uuid[]) AS r(tenant_id, notification_id)
JOIN deliveries d USING (tenant_id, notification_id)
"""  # noqa: S608 -- made of constants

_LOSSES = {"LEASE_EXPIRED": 1, "LEASE_EXPIRED_AGAIN": 2}


class Held(NamedTuple):
    """Deliveries that are held, and what their rows say."""

    deliveries: list[Delivery]
    stored: Mapping[Ref, Delivery]


async def completed(connection: Connection, held: Iterable[Sequence[Any]]) -> Held:
    """Deliveries of rows that are held, each with :data:`KNOWN` behind its own columns.

    It takes a statement more where there are such that an older release changed.
    """
    found = [(rows.delivery(columns), known) for *columns, known in held]
    older = {delivery.ref: delivery for delivery, known in found if not known}
    if older:
        told = await (await connection.execute(_TOLD, rows.refs(older))).fetchall()
        for tenant_id, notification_id, device, refused, rests in told:
            older[tenant_id, notification_id] = older[tenant_id, notification_id]._replace(
                device_token_id=device,
                refused_devices=refused,
                rests=rows.times(rests),
                losses=_LOSSES.get(older[tenant_id, notification_id].failure_code, 0),
            )
    stored = {delivery.ref: delivery for delivery, _ in found}
    return Held([older.get(ref, delivery) for ref, delivery in stored.items()], stored)
