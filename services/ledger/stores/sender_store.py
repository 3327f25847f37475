"""Keeps senders. A channel of a tenant has one default at the most. Every method is one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.ledger.postgres.postgres import Connection, Postgres
from services.ledger.rules.senders import Sender
from services.ledger.stores.paging import SenderFilter
from services.ledger.stores.tenant_caps import Subject, TenantCaps
from shared.channel.table import Channel
from shared.clock import Clock
from shared.errors import Code, PulseError

_COLUMNS = ", ".join(Sender._fields)

# Who changes a tenant's senders does so alone: of two new defaults the later is it.
_IN_TURN = "SELECT pg_advisory_xact_lock(hashtextextended(%(tenant_id)s || E'\\x01senders', 0))"

_DEFAULT_NO_MORE = """
UPDATE senders SET is_default = false
WHERE tenant_id = %(tenant_id)s AND channel = %(channel)s AND is_default AND name <> %(name)s
"""

_CREATE = f"""
INSERT INTO senders (tenant_id, {_COLUMNS})
VALUES (%(tenant_id)s, %(name)s, %(channel)s, %(address)s, %(display_name)s, %(reply_to)s, %(is_default)s,
    %(now)s, %(now)s)
ON CONFLICT DO NOTHING
RETURNING {_COLUMNS}
"""  # noqa: S608 -- names of columns

_UPDATE = f"""
UPDATE senders SET address = %(address)s, display_name = %(display_name)s, reply_to = %(reply_to)s,
    is_default = %(is_default)s, updated_at = %(now)s
WHERE tenant_id = %(tenant_id)s AND name = %(name)s
RETURNING {_COLUMNS}
"""  # noqa: S608 -- names of columns

_DELETE = "DELETE FROM senders WHERE tenant_id = %(tenant_id)s AND name = %(name)s"

_NAMED = f"SELECT {_COLUMNS} FROM senders WHERE tenant_id = %(tenant_id)s AND name = %(name)s"  # noqa: S608

_DEFAULT = f"""
SELECT {_COLUMNS} FROM senders WHERE tenant_id = %(tenant_id)s AND channel = %(channel)s AND is_default
"""  # noqa: S608 -- names of columns

_PAGE = f"""
SELECT {_COLUMNS} FROM senders
WHERE tenant_id = %(tenant_id)s AND name > %(after)s
    AND (%(channel)s::channel IS NULL OR channel = %(channel)s::channel)
ORDER BY name LIMIT %(size)s
"""  # noqa: S608 -- names of columns


class SenderStore:
    """Senders by tenant and name."""

    def __init__(self, postgres: Postgres, clock: Clock, caps: TenantCaps) -> None:
        self._postgres = postgres
        self._clock = clock
        self._caps = caps

    async def create(self, tenant_id: str, wanted: Sender) -> Sender | None:
        """As stored; None if the name is taken."""
        parameters = self._parameters(tenant_id, wanted)

        async def work(connection: Connection) -> tuple[Any, ...] | None:
            async with connection.transaction():
                await connection.execute(_IN_TURN, parameters)
                if await (await connection.execute(_NAMED, parameters)).fetchone():
                    return None
                await self._caps.check(connection, Subject.SENDERS, parameters)
                return await _stored(connection, _CREATE, parameters)

        return _sender(await self._postgres.write(work))

    async def update(self, tenant_id: str, wanted: Sender) -> Sender | None:
        """As stored; None if there is no such sender. Raises FAILED_PRECONDITION for one of another channel."""
        parameters = self._parameters(tenant_id, wanted)

        async def work(connection: Connection) -> tuple[Any, ...] | None:
            async with connection.transaction():
                await connection.execute(_IN_TURN, parameters)
                former = _sender(await (await connection.execute(_NAMED, parameters)).fetchone())
                if former is None:
                    return None
                if former.channel != wanted.channel:
                    raise _fixed(former)
                return await _stored(connection, _UPDATE, parameters)

        return _sender(await self._postgres.write(work))

    async def delete(self, tenant_id: str, name: str) -> bool:
        """False if there is no such sender."""

        async def work(connection: Connection) -> bool:
            return (await connection.execute(_DELETE, {"tenant_id": tenant_id, "name": name})).rowcount == 1

        return await self._postgres.write(work)

    async def named(self, tenant_id: str, name: str) -> Sender | None:
        """The one of that name."""
        return await self._one(_NAMED, {"tenant_id": tenant_id, "name": name})

    async def default(self, tenant_id: str, channel: Channel) -> Sender | None:
        """The channel's default."""
        return await self._one(_DEFAULT, {"tenant_id": tenant_id, "channel": channel})

    async def page(self, wanted: SenderFilter, size: int, after: str) -> Sequence[Sender]:
        """Up to ``size`` with names after ``after``, by name."""
        parameters = {**wanted._asdict(), "after": after, "size": size}

        async def work(connection: Connection) -> list[tuple[Any, ...]]:
            return await (await connection.execute(_PAGE, parameters)).fetchall()

        return [sender for row in await self._postgres.read(work) if (sender := _sender(row))]

    async def _one(self, statement: str, parameters: Mapping[str, Any]) -> Sender | None:
        async def work(connection: Connection) -> tuple[Any, ...] | None:
            return await (await connection.execute(statement, parameters)).fetchone()

        return _sender(await self._postgres.read(work))

    def _parameters(self, tenant_id: str, wanted: Sender) -> dict[str, Any]:
        return {**wanted._asdict(), "tenant_id": tenant_id, "now": self._clock.now()}


async def _stored(connection: Connection, statement: str, parameters: Mapping[str, Any]) -> tuple[Any, ...] | None:
    if parameters["is_default"]:
        await connection.execute(_DEFAULT_NO_MORE, parameters)
    return await (await connection.execute(statement, parameters)).fetchone()


def _sender(row: tuple[Any, ...] | None) -> Sender | None:
    if row is None:
        return None
    read = Sender._make(row)
    return read._replace(channel=Channel.read(read.channel))


def _fixed(former: Sender) -> PulseError:
    return PulseError(
        Code.FAILED_PRECONDITION,
        "SENDER_CHANNEL_FIXED",
        f"the sender is one of {former.channel}, and stays so",
        hint="register one of another name for the other channel",
        metadata={"channel": str(former.channel)},
    )
