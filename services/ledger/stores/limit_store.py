"""Keeps limits, and counts their changes, so that who polls them is told only what is new."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from services.ledger.postgres import revisions
from services.ledger.postgres.postgres import Connection, Postgres
from services.ledger.postgres.revisions import Page
from services.ledger.rules.limits import Kind, Limit
from services.ledger.stores.tenant_caps import Subject, TenantCaps
from shared.clock import Clock

_SET = """
INSERT INTO limits (tenant_id, limit_id, kind, subject, amount, window_seconds, actor, updated_at)
VALUES (%(tenant_id)s, %(limit_id)s, %(kind)s, %(subject)s, %(amount)s, %(window)s, %(actor)s, %(now)s)
ON CONFLICT (tenant_id, limit_id) DO UPDATE
    SET amount = excluded.amount, window_seconds = excluded.window_seconds, actor = excluded.actor,
        updated_at = excluded.updated_at, deleted_at = NULL
"""

_DELETE = """
UPDATE limits SET deleted_at = %(now)s
WHERE tenant_id = %(tenant_id)s AND limit_id = %(limit_id)s AND deleted_at IS NULL
"""

_COLUMNS = "tenant_id, kind, subject, amount, window_seconds, actor, updated_at, limit_id"

# Those that are deleted are told to who may have been told of them before.
_CHANGED = f"""
SELECT revision, deleted_at IS NOT NULL, {_COLUMNS} FROM limits
WHERE revision > %(known_revision)s AND revision <= %(newest)s
    AND (%(known_revision)s::bigint > 0 OR deleted_at IS NULL)
ORDER BY revision LIMIT %(limit)s
"""  # noqa: S608 -- names of columns

# One statement, so that the limits and their revision are of one moment. One row without a limit if there is none.
_LIST = """
SELECT c.revision, l.tenant_id, l.kind, l.subject, l.amount, l.window_seconds, l.actor, l.updated_at, l.limit_id
FROM (SELECT coalesce((SELECT revision FROM revisions WHERE subject = 'limits'), 0) AS revision) AS c
LEFT JOIN limits l
    ON c.revision <> %(known_revision)s AND l.deleted_at IS NULL
    AND (%(tenant_id)s::text = '' OR l.tenant_id IN ('', %(tenant_id)s::text))
ORDER BY l.tenant_id, l.limit_id
"""


class Listed(NamedTuple):
    """Limits by tenant and id, those of all tenants first; none if ``revision`` is the one known."""

    limits: list[Limit]
    revision: int
    #: Of a page: those that are deleted now, and whether there are more.
    deleted: Sequence[Limit] = ()
    more: bool = False


class LimitStore:
    """Every method is one transaction."""

    def __init__(self, postgres: Postgres, clock: Clock, caps: TenantCaps) -> None:
        self._postgres = postgres
        self._clock = clock
        self._caps = caps

    async def set(self, limit: Limit) -> Limit:
        """As stored, in place of the one of the same tenant, kind and subject."""
        stored = limit._replace(updated_at=self._clock.now())
        parameters = stored._asdict() | {"limit_id": limit.limit_id, "now": stored.updated_at}

        async def work(connection: Connection) -> None:
            async with connection.transaction():
                await self._caps.check(connection, Subject.LIMITS, parameters)
                await connection.execute(_SET, parameters)

        await self._postgres.write(work)
        return stored

    async def delete(self, tenant_id: str, limit_id: str) -> bool:
        """False if there is no such limit."""

        async def work(connection: Connection) -> bool:
            given = {"tenant_id": tenant_id, "limit_id": limit_id, "now": self._clock.now()}
            return bool((await connection.execute(_DELETE, given)).rowcount)

        return await self._postgres.write(work)

    async def changed(self, known_revision: int, size: int) -> Listed:
        """Up to ``size`` limits of all tenants that changed after ``known_revision``, in the order of their changes."""

        async def work(connection: Connection) -> Page:
            known = {"known_revision": known_revision}
            return await revisions.page(connection, "limits", _CHANGED, known, size)

        found = await self._postgres.read(work)
        standing = [_limit(row[2:]) for row in found.rows if not row[1]]
        return Listed(standing, found.revision, [_limit(row[2:]) for row in found.rows if row[1]], found.more)

    async def list(self, tenant_id: str, known_revision: int) -> Listed:
        """One tenant's limits and those of all; every tenant's if ``tenant_id`` is empty."""
        parameters = {"tenant_id": tenant_id, "known_revision": known_revision}

        async def work(connection: Connection) -> list[tuple[Any, ...]]:
            return await (await connection.execute(_LIST, parameters)).fetchall()

        rows = await self._postgres.read(work)
        return Listed([_limit(row[1:]) for row in rows if row[1] is not None], rows[0][0])


def _limit(row: tuple[Any, ...]) -> Limit:
    read = Limit._make(row)
    return read._replace(kind=Kind.read(read.kind))
