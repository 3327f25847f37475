"""Reads the profiles by which it is decided whether and when something may be sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from services.ledger import recipient_store, record_sql, rows
from services.ledger.postgres import Connection
from services.ledger.recipients import UNKNOWN, Preferences, Profile

#: Tenant and user.
User = tuple[str, str]


async def of_users(connection: Connection, users: Iterable[User]) -> dict[User, Profile]:
    """What is known of users; those of whom nothing is known may be left out."""
    batch = rows.encode({"tenant_id": tenant, "user_id": user} for tenant, user in sorted(set(users)))
    cursor = await connection.execute(record_sql.PROFILES, {"users": batch})
    return {(tenant, user): profile(*rest) for tenant, user, *rest in await cursor.fetchall()}


def profile(preferences: dict[str, Any] | None, suppressions: Sequence[Sequence[str]] | None) -> Profile:
    """From what the statements make of the rows of one user; None: there are none."""
    if not preferences and not suppressions:
        return UNKNOWN
    return Profile(_preferences(preferences), [recipient_store.suppression(*one) for one in suppressions or ()])


def _preferences(row: dict[str, Any] | None) -> Preferences:
    if row is None:
        return Preferences()
    return recipient_store.preferences(row["choices"], row["time_zone"], row["quiet_from"], row["quiet_until"])
