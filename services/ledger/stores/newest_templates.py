"""The newest versions of templates, for dead letters that are replayed with them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from services.ledger.postgres import rows, sql
from services.ledger.postgres.postgres import Connection
from services.ledger.rules.delivery import Ref
from services.ledger.rules.recipient_rules import Decision, decision

# Those whose template is in use and has a newer version than theirs.
VERSIONS = f"""
SELECT n.tenant_id, n.notification_id::text, n.template_version, t.version
FROM {sql.REFS} JOIN notifications n USING (tenant_id, notification_id)
JOIN templates t ON t.tenant_id = n.tenant_id AND t.name = n.template_name
WHERE t.deleted_at IS NULL AND t.version > n.template_version
"""  # noqa: S608 -- made of constants

_TAKE = """
UPDATE notifications n SET template_version = r.version
FROM json_to_recordset(%(rows)s::json) AS r(tenant_id text, notification_id uuid, version integer)
WHERE n.tenant_id = r.tenant_id AND n.notification_id = r.notification_id
"""


class Versions(NamedTuple):
    """The version that a notification was accepted with, and its template's newest."""

    pinned: int
    newest: int

    @property
    def decision(self) -> Decision:
        """For the timeline."""
        return decision("template", "NEWEST", f"it is replayed with version {self.newest} instead of {self.pinned}")


def found(rows_: Iterable[Sequence[Any]]) -> dict[Ref, Versions]:
    """From the rows of :data:`VERSIONS`."""
    return {(tenant, id_): Versions(pinned, newest) for tenant, id_, pinned, newest in rows_}


async def look_up(connection: Connection, refs: Collection[Ref]) -> dict[Ref, Versions]:
    """Those of ``refs`` that have a newer version."""
    return found(await (await connection.execute(VERSIONS, rows.refs(refs))).fetchall())


async def take(connection: Connection, versions: Mapping[Ref, Versions]) -> None:
    """Has each of them use its template's newest version from here on."""
    if versions:
        taken = [
            {"tenant_id": tenant, "notification_id": id_, "version": one.newest}
            for (tenant, id_), one in versions.items()
        ]
        await connection.execute(_TAKE, {"rows": rows.encode(taken)})
