"""Keeps API keys, and counts their changes, so that gateways, which poll them, are told only what is new."""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

from services.ledger.postgres import revisions
from services.ledger.postgres.postgres import Connection, Postgres
from services.ledger.postgres.revisions import Page
from services.ledger.rules.api_keys import ApiKey
from services.ledger.stores.tenant_caps import Subject, TenantCaps
from shared import secret_keys
from shared.clock import Clock

_COLUMNS = ", ".join(ApiKey._fields)

#: A tenant's keys that are told: the newest, as those that ended stay.
MOST_LISTED = 2_000

_CREATE = f"""
INSERT INTO api_keys ({_COLUMNS})
VALUES (%(tenant_id)s, %(key_id)s, %(name)s, %(scopes)s, %(digest)s, %(created_at)s, %(expires_at)s, NULL)
ON CONFLICT DO NOTHING
"""  # noqa: S608 -- names of columns

# Sessions that ended are of no use to anybody, once every gateway has been told.
_FORGET = """
DELETE FROM api_keys WHERE tenant_id = %(tenant_id)s AND starts_with(key_id, %(of_session)s)
    AND least(revoked_at, expires_at) < %(now)s::timestamptz - interval '1 hour'
"""

# Revoked once is revoked for ever, and an end is never put off.
_END = f"""
UPDATE api_keys
SET revoked_at = coalesce(revoked_at, CASE WHEN %(after)s::interval IS NULL THEN %(now)s::timestamptz END),
    expires_at = least(expires_at, %(now)s::timestamptz + %(after)s::interval)
WHERE tenant_id = %(tenant_id)s AND key_id = %(key_id)s
RETURNING {_COLUMNS}
"""  # noqa: S608 -- names of columns

# One statement, so that the keys and their revision are of one moment. One row without a key if there is none.
_LIST = f"""
SELECT c.revision, {", ".join(f"k.{name}" for name in ApiKey._fields)}
FROM (SELECT coalesce((SELECT revision FROM revisions WHERE subject = 'keys'), 0) AS revision) AS c
LEFT JOIN api_keys k ON c.revision <> %(known_revision)s AND CASE
    WHEN %(tenant_id)s::text = '' THEN k.revoked_at IS NULL AND coalesce(k.expires_at > %(now)s, true)
    WHEN %(key_id)s::text = '' THEN k.tenant_id = %(tenant_id)s::text AND NOT starts_with(k.key_id, %(of_session)s)
    ELSE k.tenant_id = %(tenant_id)s::text AND k.key_id = %(key_id)s::text END
ORDER BY k.created_at DESC, k.key_id LIMIT %(limit)s
"""  # noqa: S608 -- names of columns


# Those that are not accepted any more are told to who may have been told of them before.
_CHANGED = f"""
SELECT revision, {_COLUMNS} FROM api_keys
WHERE revision > %(known_revision)s AND revision <= %(newest)s AND (%(known_revision)s::bigint > 0
    OR revoked_at IS NULL AND coalesce(expires_at > %(now)s, true))
ORDER BY revision LIMIT %(limit)s
"""  # noqa: S608 -- names of columns


_OF_SESSION = {"of_session": secret_keys.OF_SESSION}


class Listed(NamedTuple):
    """Keys, the last made first; none if ``revision`` is the one known."""

    keys: list[ApiKey]
    revision: int
    more: bool = False


class ApiKeyStore:
    """Every method is one transaction."""

    def __init__(self, postgres: Postgres, clock: Clock, caps: TenantCaps) -> None:
        self._postgres = postgres
        self._clock = clock
        self._caps = caps

    async def create(self, key: ApiKey) -> ApiKey | None:
        """As stored, made now; None if its id is taken."""
        stored = key._replace(created_at=self._clock.now(), revoked_at=None)
        parameters = stored._asdict() | {"scopes": list(stored.scopes), "now": stored.created_at} | _OF_SESSION
        is_session = secret_keys.is_of_session(key.key_id)

        async def work(connection: Connection) -> bool:
            async with connection.transaction():
                if is_session:
                    await connection.execute(_FORGET, parameters)
                await self._caps.check(connection, Subject.SESSIONS if is_session else Subject.KEYS, parameters)
                return (await connection.execute(_CREATE, parameters)).rowcount == 1

        return stored if await self._postgres.write(work) else None

    async def end(self, tenant_id: str, key_id: str, after: dt.timedelta | None) -> ApiKey | None:
        """Ends it ``after`` that long, or revokes it at once; as stored. None if there is no such key."""
        parameters = {"tenant_id": tenant_id, "key_id": key_id, "after": after, "now": self._clock.now()}

        async def work(connection: Connection) -> tuple[Any, ...] | None:
            return await (await connection.execute(_END, parameters)).fetchone()

        row = await self._postgres.write(work)
        return None if row is None else ApiKey._make(row)

    async def changed(self, known_revision: int, size: int) -> Listed:
        """Up to ``size`` keys of all tenants that changed after ``known_revision``, in the order of their changes."""
        parameters = {"known_revision": known_revision, "now": self._clock.now()}

        async def work(connection: Connection) -> Page:
            return await revisions.page(connection, "keys", _CHANGED, parameters, size)

        found = await self._postgres.read(work)
        return Listed([ApiKey._make(row[1:]) for row in found.rows], found.revision, found.more)

    async def list(self, tenant_id: str, known_revision: int, key_id: str = "") -> Listed:
        """A tenant's newest keys but for sessions', or the one of ``key_id``.

        Of all tenants those that are accepted now, if ``tenant_id`` is empty.
        """
        most = MOST_LISTED if tenant_id else None
        given = {"tenant_id": tenant_id, "key_id": key_id, "known_revision": known_revision}
        parameters = given | {"limit": most, "now": self._clock.now()} | _OF_SESSION

        async def work(connection: Connection) -> list[tuple[Any, ...]]:
            return await (await connection.execute(_LIST, parameters)).fetchall()

        rows = await self._postgres.read(work)
        return Listed([ApiKey._make(row[1:]) for row in rows if row[1] is not None], rows[0][0])
