"""Keeps fragments: versions never change, the newest one in use is the fragment's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.ledger.postgres.postgres import Connection, Postgres
from services.ledger.rules.templates import Fragment, FragmentUse, Template
from services.ledger.stores import fragment_locks, named_versions, template_store
from services.ledger.stores.tenant_caps import Subject, TenantCaps
from shared.clock import Clock
from shared.errors import Code, PulseError
from shared.text.error_bounds import quoted

#: Most uses that are told.
MOST_USES = 1_000
#: Names that a refusal tells.
_MOST_NAMED = 10

_CREATE, _UPDATE, _DELETE = (
    of("fragments") for of in (named_versions.create, named_versions.update, named_versions.delete)
)

_INSERT = """
INSERT INTO fragment_versions (tenant_id, name, version, document, fragments, created_at)
VALUES (%(tenant_id)s, %(name)s, %(version)s, %(document)s, %(fragments)s, %(now)s)
"""

_SELECT = """
SELECT v.name, v.version, v.document, v.fragments, f.created_at, v.created_at
FROM fragments f JOIN fragment_versions v ON v.tenant_id = f.tenant_id AND v.name = f.name
WHERE f.tenant_id = %(tenant_id)s
"""
_IN_USE = " AND v.version = f.version AND f.deleted_at IS NULL"
_GET = f"{_SELECT} AND f.name = %(name)s AND v.version = %(version)s"
_NEWEST = f"{_SELECT} AND f.name = %(name)s {_IN_USE}"
_SEVERAL = f"{_SELECT} AND f.name = ANY(%(names)s) {_IN_USE} ORDER BY f.name"
_PAGE = f"{_SELECT} AND f.name > %(after)s {_IN_USE} ORDER BY f.name LIMIT %(size)s"

# Of the templates in use, the newest versions.
_USES = """
SELECT v.name, v.version, (v.fragments ->> %(name)s)::integer
FROM templates t JOIN template_versions v ON v.tenant_id = t.tenant_id AND v.name = t.name AND v.version = t.version
WHERE t.tenant_id = %(tenant_id)s AND t.deleted_at IS NULL AND v.fragments ? %(name)s
ORDER BY v.name LIMIT %(most)s
"""
_TAKEN_IN_BY = f"""
SELECT v.name FROM fragments f JOIN fragment_versions v ON v.tenant_id = f.tenant_id AND v.name = f.name
WHERE f.tenant_id = %(tenant_id)s {_IN_USE} AND v.fragments @> ARRAY[%(name)s] AND v.name <> %(name)s
ORDER BY v.name LIMIT %(most)s
"""  # noqa: S608 -- made of constants


class FragmentStore:
    """Every method is one transaction."""

    def __init__(self, postgres: Postgres, clock: Clock, caps: TenantCaps) -> None:
        self._postgres = postgres
        self._clock = clock
        self._caps = caps

    async def create(self, tenant_id: str, fragment: Fragment) -> Fragment | None:
        """As stored; None if the name is taken."""

        async def work(connection: Connection) -> int | None:
            async with connection.transaction():
                key = {"tenant_id": tenant_id, "name": fragment.name}
                await self._caps.check(connection, Subject.FRAGMENTS, key)
                return await self._insert(connection, _CREATE, tenant_id, fragment)

        return await self._stored(tenant_id, fragment.name, await self._postgres.write(work))

    async def update(self, tenant_id: str, fragment: Fragment, templates: Sequence[Template]) -> Fragment | None:
        """As stored, at its next version, and the templates at theirs; None if there is no such fragment.

        With templates, what has another version than it is to have before raises FAILED_PRECONDITION, and all stay
        as they are.
        """

        async def work(connection: Connection) -> int | None:
            async with connection.transaction():
                if templates:
                    await self._hold(connection, tenant_id, fragment, templates)
                version = await self._insert(connection, _UPDATE, tenant_id, fragment)
                for template in sorted(templates, key=lambda one: one.name):
                    now = self._clock.now()
                    if not await template_store.insert_next(connection, tenant_id, template, now):
                        raise fragment_locks.changed("template", template.name)
                return version

        return await self._stored(tenant_id, fragment.name, await self._postgres.write(work))

    async def delete(self, tenant_id: str, name: str) -> bool:
        """Takes it out of use; False if there is no such fragment. FAILED_PRECONDITION if it is taken in somewhere."""
        key = {"tenant_id": tenant_id, "name": name, "now": self._clock.now(), "most": _MOST_NAMED + 1}

        async def work(connection: Connection) -> bool:
            async with connection.transaction():
                if (await connection.execute(_DELETE, key)).rowcount != 1:
                    return False
                templates = [row[0] for row in await (await connection.execute(_USES, key)).fetchall()]
                fragments = [row[0] for row in await (await connection.execute(_TAKEN_IN_BY, key)).fetchall()]
                if templates or fragments:
                    raise _in_use(name, templates, fragments)
                return True

        return await self._postgres.write(work)

    async def get(self, tenant_id: str, name: str, version: int) -> Fragment | None:
        """One version, deleted or not; version 0: the newest, if it is in use."""
        key = {"tenant_id": tenant_id, "name": name, "version": version}
        found = await self._read(_GET if version else _NEWEST, key)
        return Fragment._make(found[0]) if found else None

    async def several(self, tenant_id: str, names: Sequence[str]) -> list[Fragment]:
        """Those of them that are in use, by name, each at its newest version."""
        return [Fragment._make(row) for row in await self._read(_SEVERAL, {"tenant_id": tenant_id, "names": [*names]})]

    async def page(self, tenant_id: str, size: int, after: str) -> Sequence[Fragment]:
        """Up to ``size`` fragments in use with names after ``after``, by name, each at its newest version."""
        rows = await self._read(_PAGE, {"tenant_id": tenant_id, "size": size, "after": after})
        return [Fragment._make(row) for row in rows]

    async def uses(self, tenant_id: str, name: str) -> list[FragmentUse]:
        """The templates in use that take it in, by name, at most :data:`MOST_USES`."""
        rows = await self._read(_USES, {"tenant_id": tenant_id, "name": name, "most": MOST_USES})
        return [FragmentUse._make(row) for row in rows]

    async def _hold(
        self, connection: Connection, tenant_id: str, fragment: Fragment, templates: Sequence[Template]
    ) -> None:
        """All that the templates take in; this one must be at the version before."""
        wanted = {name: version for template in templates for name, version in template.fragments.items()}
        wanted[fragment.name] = fragment.version
        await fragment_locks.require_newest(connection, tenant_id, wanted, to_change=fragment.name)

    async def _insert(self, connection: Connection, number: str, tenant_id: str, fragment: Fragment) -> int | None:
        """``number`` is the statement that gives the version, or no row."""
        key = {"tenant_id": tenant_id, "name": fragment.name, "now": self._clock.now(), "expected": 0}
        row = await (await connection.execute(number, key)).fetchone()
        if row is None:
            return None
        fields = {"version": row[0], "document": fragment.document, "fragments": [*fragment.fragments]}
        await connection.execute(_INSERT, key | fields)
        return int(row[0])

    async def _stored(self, tenant_id: str, name: str, version: int | None) -> Fragment | None:
        return None if version is None else await self.get(tenant_id, name, version)

    async def _read(self, statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        async def work(connection: Connection) -> list[tuple[Any, ...]]:
            return await (await connection.execute(statement, parameters)).fetchall()

        return await self._postgres.read(work)


def _in_use(name: str, templates: Sequence[str], fragments: Sequence[str]) -> PulseError:
    users = [
        f"{kind} {quoted(one)}" for kind, names in (("template", templates), ("fragment", fragments)) for one in names
    ]
    told = ", ".join(users[:_MOST_NAMED]) + (" and more" if len(users) > _MOST_NAMED else "")
    return PulseError(
        Code.FAILED_PRECONDITION,
        "FRAGMENT_IN_USE",
        f"the fragment {quoted(name)} is taken in by {told}",
        hint="update or delete these first",
        metadata={"templates": ",".join(templates[:_MOST_NAMED]), "fragments": ",".join(fragments[:_MOST_NAMED])},
    )
