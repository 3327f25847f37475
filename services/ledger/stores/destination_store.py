"""Keeps destinations of channel CHAT. Every method is one transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple

from services.ledger.postgres.postgres import Connection, Postgres
from services.ledger.stores.tenant_caps import Subject, TenantCaps
from shared.clock import Clock

_COLUMNS = "name, kind, host, fingerprint, key_id, sealed, created_at, updated_at"

_CREATE = f"""
INSERT INTO destinations (tenant_id, {_COLUMNS})
VALUES (%(tenant_id)s, %(name)s, %(kind)s, %(host)s, %(fingerprint)s, %(key_id)s, %(sealed)s, %(now)s, %(now)s)
ON CONFLICT DO NOTHING RETURNING {_COLUMNS}
"""  # noqa: S608 -- made of constants

_UPDATE = f"""
UPDATE destinations SET kind = %(kind)s, host = %(host)s, fingerprint = %(fingerprint)s, key_id = %(key_id)s,
    sealed = %(sealed)s, updated_at = %(now)s
WHERE tenant_id = %(tenant_id)s AND name = %(name)s RETURNING {_COLUMNS}
"""  # noqa: S608 -- made of constants

_DELETE = "DELETE FROM destinations WHERE tenant_id = %(tenant_id)s AND name = %(name)s"

_FIND = f"""
SELECT {_COLUMNS} FROM destinations
WHERE tenant_id = %(tenant_id)s AND (%(name)s::text IS NULL OR name = %(name)s) ORDER BY name
"""  # noqa: S608 -- made of constants


class StoredDestination(NamedTuple):
    """One destination; ``sealed`` is its encrypted address."""

    name: str
    kind: str
    host: str
    fingerprint: str
    key_id: str
    sealed: bytes
    created_at: dt.datetime
    updated_at: dt.datetime


class DestinationStore:
    """Destinations by tenant and name."""

    def __init__(self, postgres: Postgres, clock: Clock, caps: TenantCaps) -> None:
        self._postgres = postgres
        self._clock = clock
        self._caps = caps

    async def create(self, tenant_id: str, wanted: StoredDestination) -> StoredDestination | None:
        """As kept; None if the name is taken. Raises RESOURCE_EXHAUSTED where the tenant has enough."""
        given = self._given(tenant_id, wanted)

        async def work(connection: Connection) -> list[tuple[Any, ...]]:
            async with connection.transaction():
                await self._caps.check(connection, Subject.DESTINATIONS, given)
                return await (await connection.execute(_CREATE, given)).fetchall()

        return _first(await self._postgres.write(work))

    async def update(self, tenant_id: str, wanted: StoredDestination) -> StoredDestination | None:
        """As kept from now on; None if there is none of that name."""
        given = self._given(tenant_id, wanted)

        async def work(connection: Connection) -> list[tuple[Any, ...]]:
            return await (await connection.execute(_UPDATE, given)).fetchall()

        return _first(await self._postgres.write(work))

    async def delete(self, tenant_id: str, name: str) -> bool:
        """False if there was none of that name."""

        async def work(connection: Connection) -> bool:
            return bool((await connection.execute(_DELETE, {"tenant_id": tenant_id, "name": name})).rowcount)

        return await self._postgres.write(work)

    async def get(self, tenant_id: str, name: str) -> StoredDestination | None:
        """One; None if there is none of that name."""
        found = await self._find(tenant_id, name)
        return found[0] if found else None

    async def all(self, tenant_id: str) -> Sequence[StoredDestination]:
        """A tenant's, by name."""
        return await self._find(tenant_id, None)

    async def _find(self, tenant_id: str, name: str | None) -> Sequence[StoredDestination]:
        async def work(connection: Connection) -> list[tuple[Any, ...]]:
            return await (await connection.execute(_FIND, {"tenant_id": tenant_id, "name": name})).fetchall()

        return [StoredDestination._make(row) for row in await self._postgres.read(work)]

    def _given(self, tenant_id: str, wanted: StoredDestination) -> dict[str, Any]:
        return wanted._asdict() | {"tenant_id": tenant_id, "now": self._clock.now()}


def _first(rows: list[tuple[Any, ...]]) -> StoredDestination | None:
    return StoredDestination._make(rows[0]) if rows else None
