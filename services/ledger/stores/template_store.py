"""Keeps templates: versions never change, the newest one in use is the template's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from psycopg.types.json import Jsonb

from services.ledger.postgres.compiling import Query, compiled
from services.ledger.postgres.postgres import Connection, Postgres
from services.ledger.postgres.tables_of_tenants import template_versions as v
from services.ledger.postgres.tables_of_tenants import templates as t
from services.ledger.rules.templates import Template
from services.ledger.stores import fragment_locks, named_versions
from services.ledger.stores.paging import TemplateFilter
from services.ledger.stores.tenant_caps import Subject, TenantCaps
from shared.channel.table import Channel
from shared.clock import Clock

_CREATE, _UPDATE, _DELETE = (
    of("templates") for of in (named_versions.create, named_versions.update, named_versions.delete)
)

# The second line of columns is the release before's: it has no documents, and goes with them.
_INSERT = """
INSERT INTO template_versions
    (tenant_id, name, version, channel, document, created_at,
    priority, category, default_locale, contents, variables, digest_seconds, fragments)
VALUES (%(tenant_id)s, %(name)s, %(version)s, %(channel)s, %(document)s, %(now)s,
    %(priority)s, %(category)s, %(default_locale)s, %(contents)s, %(variables)s, %(digest_seconds)s, %(fragments)s)
"""


class TemplateStore:
    """Every method is one transaction."""

    def __init__(self, postgres: Postgres, clock: Clock, caps: TenantCaps) -> None:
        self._postgres = postgres
        self._clock = clock
        self._caps = caps

    async def create(self, tenant_id: str, template: Template) -> Template | None:
        """As stored; None if the name is taken."""
        return await self._store(_CREATE, tenant_id, template)

    async def update(self, tenant_id: str, template: Template, expected: int = 0) -> Template | None:
        """As stored, at its next version; None if there is none, or its newest version is not ``expected``."""
        return await self._store(_UPDATE, tenant_id, template, expected)

    async def delete(self, tenant_id: str, name: str) -> bool:
        """Takes it out of use; False if there is no such template."""
        parameters = {"tenant_id": tenant_id, "name": name, "now": self._clock.now()}

        async def work(connection: Connection) -> bool:
            return (await connection.execute(_DELETE, parameters)).rowcount == 1

        return await self._postgres.write(work)

    async def get(self, tenant_id: str, name: str, version: int) -> Template | None:
        """One version, deleted or not; version 0: the newest, if it is in use."""
        statement = _select().where(t.c.tenant_id == tenant_id, t.c.name == name)
        wanted = v.c.version == version if version else (v.c.version == t.c.version) & t.c.deleted_at.is_(None)
        found = await self._read(compiled(statement.where(wanted)))
        return found[0] if found else None

    async def page(self, wanted: TemplateFilter, size: int, after: str) -> Sequence[Template]:
        """Up to ``size`` templates in use with names after ``after``, by name, each at its newest version."""
        statement = _select().where(
            t.c.tenant_id == wanted.tenant_id, v.c.version == t.c.version, t.c.deleted_at.is_(None), t.c.name > after
        )
        if wanted.channel is not None:
            statement = statement.where(v.c.channel == wanted.channel)
        return await self._read(compiled(statement.order_by(t.c.name).limit(size)))

    async def _store(self, number: str, tenant_id: str, template: Template, expected: int = 0) -> Template | None:
        """``number`` is the statement that gives the version, or no row."""

        async def work(connection: Connection) -> int | None:
            async with connection.transaction():
                if number is _CREATE:
                    key = {"tenant_id": tenant_id, "name": template.name}
                    await self._caps.check(connection, Subject.TEMPLATES, key)
                await fragment_locks.require_newest(connection, tenant_id, template.fragments)
                return await _insert(connection, number, tenant_id, template, self._clock.now(), expected)

        version = await self._postgres.write(work)
        return None if version is None else await self.get(tenant_id, template.name, version)

    async def _read(self, query: Query) -> list[Template]:
        async def work(connection: Connection) -> list[tuple[Any, ...]]:
            return await (await connection.execute(query.text, query.parameters)).fetchall()

        return [_template(row) for row in await self._postgres.read(work)]


async def insert_next(connection: Connection, tenant_id: str, template: Template, now: dt.datetime) -> bool:
    """Stores the version after the template's own; False if that is not the newest one, or out of use."""
    return await _insert(connection, _UPDATE, tenant_id, template, now, template.version) is not None


async def _insert(
    connection: Connection, number: str, tenant_id: str, template: Template, now: dt.datetime, expected: int = 0
) -> int | None:
    key = {"tenant_id": tenant_id, "name": template.name, "now": now, "expected": expected}
    row = await (await connection.execute(number, key)).fetchone()
    if row is None:
        return None
    former = dict(template.former or {})
    fields = former | {"contents": Jsonb(former["contents"]), "channel": template.channel}
    fields["document"] = template.document
    fields["fragments"] = Jsonb(dict(template.fragments)) if template.fragments else None
    await connection.execute(_INSERT, fields | key | {"version": row[0]})
    return int(row[0])


def _select() -> sa.Select[Any]:
    former = sa.case((v.c.document.is_(None), sa.func.to_jsonb(v.table_valued())))
    columns = (v.c.name, v.c.version, v.c.channel, v.c.document, former, t.c.created_at, v.c.created_at)
    same = (v.c.tenant_id == t.c.tenant_id) & (v.c.name == t.c.name)
    return sa.select(*columns).select_from(t.join(v, same))


def _template(row: tuple[Any, ...]) -> Template:
    read = Template(*row)
    return read._replace(channel=Channel.read(read.channel))
