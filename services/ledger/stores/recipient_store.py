"""Keeps what is known of recipients. Every statement names the tenant; every method is one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg.types.json import Jsonb

from services.ledger.postgres.postgres import Connection, Postgres
from services.ledger.rules import recipients
from services.ledger.rules.recipients import MOST_DEVICES, MOST_SUPPRESSIONS, Device, Preferences, Reason, Suppression
from services.ledger.stores.tenant_caps import Subject, TenantCaps
from shared.channel.device_kinds import DeviceKind
from shared.clock import Clock
from shared.errors import Code, PulseError
from shared.ids import uuid7

_PREFERENCES = """
SELECT choices, time_zone, quiet_from, quiet_until, updated_at FROM preferences
WHERE tenant_id = %(tenant_id)s AND user_id = %(user_id)s
"""

_SET_PREFERENCES = """
INSERT INTO preferences (tenant_id, user_id, choices, time_zone, quiet_from, quiet_until, updated_at)
VALUES (%(tenant_id)s, %(user_id)s, %(choices)s, %(time_zone)s, %(quiet_from)s, %(quiet_until)s, %(now)s)
ON CONFLICT (tenant_id, user_id) DO UPDATE
    SET choices = excluded.choices, time_zone = excluded.time_zone, quiet_from = excluded.quiet_from,
        quiet_until = excluded.quiet_until, updated_at = excluded.updated_at
"""

# Two who add the last one that there is room for come one after the other.
_IN_TURN = "SELECT pg_advisory_xact_lock(hashtextextended(%(tenant_id)s || E'\\x01' || %(user_id)s, 0))"

# One that says the same stays as it is; the empty update only makes PostgreSQL return it. Nothing is returned where
# there are too many.
_SUPPRESS = """
INSERT INTO suppressions AS s
    (tenant_id, user_id, digest, suppression_id, channel, address, category, reason, created_at)
SELECT %(tenant_id)s, %(user_id)s, %(digest)s, %(suppression_id)s, %(channel)s, %(address)s, %(category)s, %(reason)s,
    %(now)s
WHERE %(most)s > (
    SELECT count(*) FROM suppressions
    WHERE tenant_id = %(tenant_id)s AND user_id = %(user_id)s AND reason = %(reason)s AND digest <> %(digest)s)
ON CONFLICT (tenant_id, user_id, digest) DO UPDATE SET digest = s.digest
RETURNING channel, address, category, reason, suppression_id::text, created_at
"""

# Ids begin with their time: newest first.
_SUPPRESSIONS = """
SELECT channel, address, category, reason, suppression_id::text, created_at FROM suppressions
WHERE tenant_id = %(tenant_id)s AND user_id = %(user_id)s AND suppression_id < %(before)s
ORDER BY suppression_id DESC LIMIT %(limit)s
"""

_LIFT = """
DELETE FROM suppressions
WHERE tenant_id = %(tenant_id)s AND user_id = %(user_id)s AND suppression_id = %(suppression_id)s
"""

_REGISTER = """
INSERT INTO device_tokens (tenant_id, device_token_id, user_id, token, label, updated_at, kind)
VALUES (%(tenant_id)s, %(device_token_id)s, %(user_id)s, %(token)s, %(label)s, %(now)s, %(kind)s)
ON CONFLICT (tenant_id, device_token_id) DO UPDATE
    SET user_id = excluded.user_id, label = excluded.label, updated_at = excluded.updated_at, kind = excluded.kind
"""

_DEVICES = """
SELECT device_token_id::text, user_id, token, label, updated_at, kind FROM device_tokens
WHERE tenant_id = %(tenant_id)s AND user_id = %(user_id)s
ORDER BY updated_at DESC, device_token_id LIMIT %(limit)s
"""

_DROP_OLDEST = """
DELETE FROM device_tokens WHERE tenant_id = %(tenant_id)s AND device_token_id IN (
    SELECT device_token_id FROM device_tokens WHERE tenant_id = %(tenant_id)s AND user_id = %(user_id)s
    ORDER BY updated_at DESC, device_token_id OFFSET %(limit)s)
"""

_FORGET_DEVICE = """
DELETE FROM device_tokens
WHERE tenant_id = %(tenant_id)s AND user_id = %(user_id)s AND device_token_id = %(device_token_id)s
"""

#: Above every id.
_LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff"


class RecipientStore:
    """Preferences, suppressions and devices of users."""

    def __init__(self, postgres: Postgres, clock: Clock, caps: TenantCaps) -> None:
        self._postgres = postgres
        self._clock = clock
        self._caps = caps

    async def preferences(self, tenant_id: str, user_id: str) -> Preferences:
        """What a user wants; without a time if nobody set any."""
        found = await self._read(_PREFERENCES, {"tenant_id": tenant_id, "user_id": user_id})
        return recipients.preferences(*found[0]) if found else Preferences()

    async def set_preferences(self, tenant_id: str, user_id: str, wanted: Preferences) -> Preferences:
        """Replaces them; as stored."""
        now = self._clock.now()
        fields = wanted._asdict() | {"choices": Jsonb([choice._asdict() for choice in wanted.choices])}
        await self._write(_SET_PREFERENCES, fields | {"tenant_id": tenant_id, "user_id": user_id, "now": now})
        return wanted._replace(updated_at=now)

    async def suppress(self, tenant_id: str, user_id: str, wanted: Suppression) -> Suppression:
        """As stored, perhaps long ago. Raises FAILED_PRECONDITION beyond :data:`MOST_SUPPRESSIONS`."""
        parameters = suppressing(tenant_id, user_id, wanted, self._clock) | {"most": MOST_SUPPRESSIONS}

        async def work(connection: Connection) -> tuple[Any, ...] | None:
            async with connection.transaction():
                await self._caps.check(connection, Subject.SUPPRESSIONS, parameters)
                await connection.execute(_IN_TURN, parameters)
                return await (await connection.execute(_SUPPRESS, parameters)).fetchone()

        row = await self._postgres.write(work)
        if row is None:
            raise _too_many_suppressions(wanted.reason)
        return recipients.suppression(*row)

    async def suppressions(self, tenant_id: str, user_id: str, size: int, before: str) -> list[Suppression]:
        """Up to ``size`` with ids below ``before`` (empty: from the newest), newest first."""
        parameters = {"tenant_id": tenant_id, "user_id": user_id, "limit": size, "before": before or _LAST_ID}
        return [recipients.suppression(*row) for row in await self._read(_SUPPRESSIONS, parameters)]

    async def lift(self, tenant_id: str, user_id: str, suppression_id: str) -> bool:
        """Deletes one; False if the user has no such suppression."""
        parameters = {"tenant_id": tenant_id, "user_id": user_id, "suppression_id": suppression_id}
        return await self._write(_LIFT, parameters) == 1

    async def register(
        self, tenant_id: str, user_id: str, token: str, label: str, kind: DeviceKind = DeviceKind.FCM
    ) -> Device:
        """Gives a token to a user, whoever had it; his oldest beyond :data:`MOST_DEVICES` is dropped."""
        now = self._clock.now()
        device = Device(recipients.device_token_id(token), user_id, token, label, now, kind)
        parameters = device._asdict() | {"tenant_id": tenant_id, "now": now, "limit": MOST_DEVICES}

        async def work(connection: Connection) -> Device:
            async with connection.transaction():
                await self._caps.check(connection, Subject.DEVICES, parameters)
                await connection.execute(_REGISTER, parameters)
                await connection.execute(_DROP_OLDEST, parameters)
            return device

        return await self._postgres.write(work)

    async def devices(self, tenant_id: str, user_id: str) -> list[Device]:
        """The last registered first."""
        parameters = {"tenant_id": tenant_id, "user_id": user_id, "limit": MOST_DEVICES}
        return [Device._make(row) for row in await self._read(_DEVICES, parameters)]

    async def forget(self, tenant_id: str, user_id: str, device_token_id: str) -> bool:
        """Deletes a device; False if the user has no such device."""
        parameters = {"tenant_id": tenant_id, "user_id": user_id, "device_token_id": device_token_id}
        return await self._write(_FORGET_DEVICE, parameters) == 1

    async def _read(self, statement: str, parameters: dict[str, Any]) -> Sequence[tuple[Any, ...]]:
        async def work(connection: Connection) -> list[tuple[Any, ...]]:
            return await (await connection.execute(statement, parameters)).fetchall()

        return await self._postgres.read(work)

    async def _write(self, statement: str, parameters: dict[str, Any]) -> int:
        """How many rows it changed."""

        async def work(connection: Connection) -> int:
            return (await connection.execute(statement, parameters)).rowcount

        return await self._postgres.write(work)


def suppressing(tenant_id: str, user_id: str, wanted: Suppression, clock: Clock) -> dict[str, Any]:
    """The parameters of a statement that stores a suppression."""
    now = clock.now()
    own = {"tenant_id": tenant_id, "user_id": user_id, "digest": wanted.digest(), "now": now}
    return wanted._asdict() | own | {"suppression_id": uuid7(now)}


def _too_many_suppressions(reason: Reason) -> PulseError:
    return PulseError(
        Code.FAILED_PRECONDITION,
        "TOO_MANY_SUPPRESSIONS",
        f"the user has {MOST_SUPPRESSIONS:,} suppressions by {reason} already",
        hint="lift those that are not needed, or suppress a whole channel instead of single addresses or categories",
        metadata={"limit": str(MOST_SUPPRESSIONS)},
    )
