"""Reads the profiles by which it is decided whether and when something may be sent."""

from __future__ import annotations

from collections.abc import Iterable

from services.ledger.postgres import rows
from services.ledger.postgres.postgres import Connection
from services.ledger.rules import recipients
from services.ledger.rules.recipients import Profile

#: Tenant and user.
User = tuple[str, str]

# What is known of users; those of whom nothing is known are left out.
_PROFILES = """
SELECT r.tenant_id, r.user_id, to_json(p), s.all
FROM json_to_recordset(%(users)s::json) AS r(tenant_id text, user_id text)
LEFT JOIN preferences p ON p.tenant_id = r.tenant_id AND p.user_id = r.user_id
LEFT JOIN LATERAL (
    SELECT json_agg(json_build_array(s.channel, s.address, s.category, s.reason)) AS all FROM suppressions s
    WHERE s.tenant_id = r.tenant_id AND s.user_id = r.user_id
) s ON TRUE
"""


async def of_users(connection: Connection, users: Iterable[User]) -> dict[User, Profile]:
    """What is known of users; those of whom nothing is known may be left out."""
    batch = rows.encode({"tenant_id": tenant, "user_id": user} for tenant, user in sorted(set(users)))
    cursor = await connection.execute(_PROFILES, {"users": batch})
    return {(tenant, user): recipients.profile(*rest) for tenant, user, *rest in await cursor.fetchall()}
