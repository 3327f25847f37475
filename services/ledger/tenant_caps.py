"""How much a tenant may keep of what all share: what one makes without end would become slow for everybody."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.errors import Code, PulseError, QuotaViolation

if TYPE_CHECKING:
    from services.ledger.postgres import Connection

#: A count is taken again after as many additions as were missing to the cap, divided by this: it is exact near the cap,
#: and costs nothing far from it.
_SHARE = 10
#: Tenants whose counts are remembered.
_MOST_REMEMBERED = 10_000


class Subject(enum.StrEnum):
    """What is capped; the words stand in errors."""

    KEYS = "API keys"
    LIMITS = "limits"
    TEMPLATES = "templates"
    SUPPRESSIONS = "suppressions"
    DEVICES = "devices"


#: What counts.
_ROWS: Mapping[Subject, str] = {
    Subject.KEYS: "api_keys WHERE tenant_id = %(tenant)s AND revoked_at IS NULL "
    "AND coalesce(expires_at > clock_timestamp(), true)",
    Subject.LIMITS: "limits WHERE tenant_id = %(tenant)s AND deleted_at IS NULL",
    Subject.TEMPLATES: "templates WHERE tenant_id = %(tenant)s AND deleted_at IS NULL",
    Subject.SUPPRESSIONS: "suppressions WHERE tenant_id = %(tenant)s",
    Subject.DEVICES: "device_tokens WHERE tenant_id = %(tenant)s",
}


class TenantCaps:
    """Refuses what a tenant has enough of. ``most``: how many of each it may have.

    Other ledgers add at the same time, so a cap may be passed by what they add within a tenth of what was missing.
    """

    def __init__(self, most: Mapping[Subject, int]) -> None:
        self._most = most
        #: How many may still be added before the next count.
        self._left: dict[tuple[Subject, str], int] = {}

    async def check(self, connection: Connection, subject: Subject, tenant_id: str) -> None:
        """Called before one more is added; raises RESOURCE_EXHAUSTED, which names the cap."""
        left = self._left.get((subject, tenant_id), 0)
        if left <= 0:
            left = await self._count(connection, subject, tenant_id)
        self._left[subject, tenant_id] = left - 1

    async def _count(self, connection: Connection, subject: Subject, tenant_id: str) -> int:
        most = self._most[subject]
        held = f"SELECT FROM {_ROWS[subject]} LIMIT %(most)s"
        statement = f"SELECT count(*) FROM ({held}) AS held"  # noqa: S608 -- made of constants
        row = await (await connection.execute(statement, {"tenant": tenant_id, "most": most})).fetchone()
        missing = most - (row[0] if row else 0)
        if missing <= 0:
            raise _enough(subject, most)
        if len(self._left) >= _MOST_REMEMBERED:
            self._left.clear()
        return max(1, missing // _SHARE)


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
