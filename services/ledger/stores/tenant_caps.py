"""How much a tenant may keep of what all share: what one makes without end would become slow for everybody."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, NamedTuple

from services.ledger.config import LedgerSettings
from services.ledger.postgres.postgres import Connection
from shared.errors import Code, PulseError, QuotaViolation

#: A count is taken again after as many additions as were missing to the cap, divided by this: it is exact near the cap,
#: and costs nothing far from it.
_SHARE = 10
#: Tenants whose counts are remembered.
_MOST_REMEMBERED = 10_000


class Subject(enum.StrEnum):
    """What is capped; the words stand in errors."""

    KEYS = "API keys"
    SESSIONS = "sessions"
    LIMITS = "limits"
    TEMPLATES = "templates"
    SENDERS = "senders"
    FRAGMENTS = "fragments"
    SUPPRESSIONS = "suppressions"
    DEVICES = "devices"
    DESTINATIONS = "destinations"


class _Rows(NamedTuple):
    """What counts of a tenant's, and the rest of the primary key, by the parameters of the statements that add it."""

    counted: str
    key: str


_ROWS: Mapping[Subject, _Rows] = {
    Subject.KEYS: _Rows(
        "api_keys WHERE tenant_id = %(tenant_id)s AND revoked_at IS NULL "
        "AND coalesce(expires_at > clock_timestamp(), true) AND NOT starts_with(key_id, %(of_session)s)",
        "key_id = %(key_id)s",
    ),
    Subject.SESSIONS: _Rows(
        "api_keys WHERE tenant_id = %(tenant_id)s AND revoked_at IS NULL "
        "AND expires_at > clock_timestamp() AND starts_with(key_id, %(of_session)s)",
        "key_id = %(key_id)s",
    ),
    Subject.LIMITS: _Rows("limits WHERE tenant_id = %(tenant_id)s AND deleted_at IS NULL", "limit_id = %(limit_id)s"),
    Subject.TEMPLATES: _Rows("templates WHERE tenant_id = %(tenant_id)s AND deleted_at IS NULL", "name = %(name)s"),
    Subject.SENDERS: _Rows("senders WHERE tenant_id = %(tenant_id)s", "name = %(name)s"),
    Subject.FRAGMENTS: _Rows("fragments WHERE tenant_id = %(tenant_id)s AND deleted_at IS NULL", "name = %(name)s"),
    Subject.SUPPRESSIONS: _Rows(
        "suppressions WHERE tenant_id = %(tenant_id)s", "user_id = %(user_id)s AND digest = %(digest)s"
    ),
    Subject.DEVICES: _Rows("device_tokens WHERE tenant_id = %(tenant_id)s", "device_token_id = %(device_token_id)s"),
    Subject.DESTINATIONS: _Rows("destinations WHERE tenant_id = %(tenant_id)s", "name = %(name)s"),
}


class TenantCaps:
    """Refuses what a tenant has enough of. ``most``: how many of each it may have.

    Other ledgers add at the same time, so a cap may be passed by what they add within a tenth of what was missing.
    """

    def __init__(self, most: Mapping[Subject, int]) -> None:
        self._most = most
        #: How many may still be added before the next count.
        self._left: dict[tuple[Subject, str], int] = {}

    @classmethod
    def from_settings(cls, settings: LedgerSettings) -> TenantCaps:
        """As many as operators allow."""
        return cls(
            {
                Subject.KEYS: settings.ledger_most_api_keys,
                Subject.SESSIONS: settings.ledger_most_sessions,
                Subject.LIMITS: settings.ledger_most_limits,
                Subject.TEMPLATES: settings.ledger_most_templates,
                Subject.SENDERS: settings.ledger_most_senders,
                Subject.FRAGMENTS: settings.ledger_most_fragments,
                Subject.SUPPRESSIONS: settings.ledger_most_suppressions,
                Subject.DEVICES: settings.ledger_most_devices,
                Subject.DESTINATIONS: settings.ledger_most_destinations,
            }
        )

    async def check(self, connection: Connection, subject: Subject, parameters: Mapping[str, Any]) -> None:
        """Called before one is added with these parameters, or changed if it is there.

        Raises RESOURCE_EXHAUSTED, which names the cap, if it would be one too many.
        """
        counter = subject, parameters["tenant_id"]
        left = self._left.get(counter) or await self._room(connection, subject, parameters)
        if left:
            self._left[counter] = left - 1
        elif not await self._is_there(connection, subject, parameters):
            raise _enough(subject, self._most[subject])

    async def _room(self, connection: Connection, subject: Subject, parameters: Mapping[str, Any]) -> int:
        """How many may be added before the next count; 0: the tenant has enough."""
        most = self._most[subject]
        held = f"SELECT FROM {_ROWS[subject].counted} LIMIT %(most)s"
        statement = f"SELECT count(*) FROM ({held}) AS held"  # noqa: S608 -- made of constants
        row = await (await connection.execute(statement, {**parameters, "most": most})).fetchone()
        missing = most - (row[0] if row else 0)
        if len(self._left) >= _MOST_REMEMBERED:
            self._left.clear()
        return max(1, missing // _SHARE) if missing > 0 else 0

    async def _is_there(self, connection: Connection, subject: Subject, parameters: Mapping[str, Any]) -> bool:
        """Whether it is one of those that are counted."""
        counted, key = _ROWS[subject]
        found = await connection.execute(f"SELECT FROM {counted} AND {key}", parameters)
        return bool(found.rowcount)


def _enough(subject: Subject, most: int) -> PulseError:
    name = subject.replace(" ", "_").upper()
    return PulseError(
        Code.RESOURCE_EXHAUSTED,
        f"TOO_MANY_{name}",
        f"the tenant has {most:,} {subject}, which is as many as it may have",
        hint=f"delete what is no longer needed; whoever runs Pulse can raise PULSE_LEDGER_MOST_{name}",
        metadata={"limit": str(most)},
        quotas=(QuotaViolation(f"tenant/{name.lower()}", f"{subject} of a tenant", most),),
    )
