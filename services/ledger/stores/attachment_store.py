"""Keeps files that go with emails, apart from all that is often read. Every method is one transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple

from services.ledger.config import LedgerSettings
from services.ledger.postgres.postgres import Connection, Postgres
from shared.clock import Clock
from shared.errors import Code, PulseError, QuotaViolation

_MIB = 2**20
#: A file outlives the retention of the notification that it goes with, to the end of the week whose notifications leave
#: together, and by a day more: so it is moved on once a day at the most, however often it is sent.
_WEEK, _MARGIN = dt.timedelta(weeks=1), dt.timedelta(days=1)

_COLUMNS = "attachment_id, filename, content_type, size, sha256, image_type, created_at, expires_at"

# Two who add what there is room for come one after the other.
_IN_TURN = "SELECT pg_advisory_xact_lock(hashtextextended(%(tenant_id)s || E'\\x01attachments', 0))"

_HELD = """
SELECT count(*), coalesce(sum(size), 0)::bigint FROM attachments
WHERE tenant_id = %(tenant_id)s AND attachment_id <> %(attachment_id)s
"""

_PUT = f"""
INSERT INTO attachments AS a
    (tenant_id, attachment_id, filename, content_type, size, sha256, image_type, content, created_at, expires_at)
VALUES (%(tenant_id)s, %(attachment_id)s, %(filename)s, %(content_type)s, %(size)s, %(sha256)s, %(image_type)s,
    %(content)s, %(now)s, %(expires_at)s)
ON CONFLICT (tenant_id, attachment_id) DO UPDATE
    SET filename = excluded.filename, content_type = excluded.content_type,
        expires_at = greatest(a.expires_at, excluded.expires_at)
RETURNING {_COLUMNS}
"""  # noqa: S608 -- made of constants

_KEEP = """
UPDATE attachments SET expires_at = %(moved_to)s
WHERE tenant_id = %(tenant_id)s AND attachment_id = ANY (%(attachment_ids)s)
    AND expires_at > %(now)s AND expires_at < %(needed_until)s
"""

_FIND = f"""
SELECT {_COLUMNS} FROM attachments
WHERE tenant_id = %(tenant_id)s AND attachment_id = ANY (%(attachment_ids)s) AND expires_at > %(now)s
"""  # noqa: S608 -- made of constants

_CONTENT = "SELECT content FROM attachments WHERE tenant_id = %(tenant_id)s AND attachment_id = %(attachment_id)s"

#: Forgets files whose time is over, up to a limit.
PURGE = """
DELETE FROM attachments WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM attachments WHERE expires_at <= %(before)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
"""


class StoredAttachment(NamedTuple):
    """A file without its bytes."""

    attachment_id: str
    filename: str
    content_type: str
    size: int  # bytes
    sha256: str  # in hex
    image_type: str  # what picture its bytes are; empty: none
    created_at: dt.datetime
    expires_at: dt.datetime


class AttachmentStore:
    """Files by tenant, within so many of them and so many bytes."""

    def __init__(self, postgres: Postgres, clock: Clock, settings: LedgerSettings) -> None:
        self._postgres = postgres
        self._clock = clock
        self._kept_for = dt.timedelta(days=settings.ledger_retention_days) + _WEEK
        self._most = settings.ledger_most_attachments
        self._most_bytes = settings.ledger_attachments_mib * _MIB

    async def put(
        self, tenant_id: str, wanted: StoredAttachment, content: bytes, needed_until: dt.datetime | None
    ) -> StoredAttachment:
        """As kept; one of the same id is moved on. Raises RESOURCE_EXHAUSTED where the tenant has enough."""
        now = self._clock.now()
        parameters = wanted._asdict() | {
            "tenant_id": tenant_id,
            "content": content,
            "now": now,
            "expires_at": self._end(now, needed_until) + _MARGIN,
        }

        async def work(connection: Connection) -> tuple[Any, ...]:
            async with connection.transaction():
                await connection.execute(_IN_TURN, parameters)
                count, size = await _one(await connection.execute(_HELD, parameters))
                if count >= self._most or size + wanted.size > self._most_bytes:
                    raise self._enough()
                stored: tuple[Any, ...] = await _one(await connection.execute(_PUT, parameters))
                return stored

        return StoredAttachment._make(await self._postgres.write(work))

    async def keep(
        self, tenant_id: str, attachment_ids: Sequence[str], needed_until: dt.datetime | None
    ) -> list[StoredAttachment]:
        """Those that are there, which stay as long as a notification that may be sent until then may need them."""
        now = self._clock.now()
        end = self._end(now, needed_until)
        parameters = {
            "tenant_id": tenant_id,
            "attachment_ids": list(attachment_ids),
            "now": now,
            "needed_until": end,
            "moved_to": end + _MARGIN,
        }

        async def work(connection: Connection) -> list[tuple[Any, ...]]:
            async with connection.transaction():
                await connection.execute(_KEEP, parameters)
                return await (await connection.execute(_FIND, parameters)).fetchall()

        return [StoredAttachment._make(row) for row in await self._postgres.write(work)]

    async def get(
        self, tenant_id: str, attachment_id: str, *, with_content: bool
    ) -> tuple[StoredAttachment, bytes] | None:
        """One, with its bytes if they are wanted; None: it is not there, or its time is over."""
        parameters = {
            "tenant_id": tenant_id,
            "attachment_id": attachment_id,
            "attachment_ids": [attachment_id],
            "now": self._clock.now(),
        }

        async def work(connection: Connection) -> tuple[StoredAttachment, bytes] | None:
            row = await (await connection.execute(_FIND, parameters)).fetchone()
            if row is None:
                return None
            content = await (await connection.execute(_CONTENT, parameters)).fetchone() if with_content else (b"",)
            return (StoredAttachment._make(row), bytes(content[0])) if content else None

        return await self._postgres.read(work)

    def _end(self, now: dt.datetime, needed_until: dt.datetime | None) -> dt.datetime:
        return max(now, needed_until or now) + self._kept_for

    def _enough(self) -> PulseError:
        return PulseError(
            Code.RESOURCE_EXHAUSTED,
            "TOO_MANY_ATTACHMENTS",
            f"the tenant keeps as many files, or as many bytes of them, as it may: {self._most:,}, and "
            f"{self._most_bytes // _MIB:,} MiB",
            hint="files leave when their notifications' retention ends; whoever runs Pulse can raise "
            "PULSE_LEDGER_MOST_ATTACHMENTS and PULSE_LEDGER_ATTACHMENTS_MIB",
            metadata={"limit": str(self._most), "limit_bytes": str(self._most_bytes)},
            quotas=(
                QuotaViolation("tenant/attachments", "files of a tenant", self._most),
                QuotaViolation("tenant/attachment_bytes", "bytes of a tenant's files", self._most_bytes),
            ),
        )


async def _one(cursor: Any) -> Any:
    return await cursor.fetchone()
