"""Holds fragments as they are while what takes them in is stored."""

from __future__ import annotations

from collections.abc import Mapping

from services.ledger.postgres.postgres import Connection
from shared.errors import Code, PulseError
from shared.text.error_bounds import quoted

# By name, so that two who want the same ones never wait for each other.
_SHARE = """
SELECT name, version FROM fragments
WHERE tenant_id = %(tenant_id)s AND name = ANY(%(names)s) AND deleted_at IS NULL
ORDER BY name FOR SHARE
"""
_OWN = _SHARE.replace("FOR SHARE", "FOR UPDATE")


async def require_newest(
    connection: Connection, tenant_id: str, fragments: Mapping[str, int], *, to_change: str = ""
) -> None:
    """Keeps everybody from changing these versions until the transaction's end.

    Raises FAILED_PRECONDITION if one of them is not the newest, or out of use. With a fragment ``to_change``, it alone
    has to be the newest: what it is applied to keeps all else as it was.
    """
    if not fragments:
        return
    names = {"tenant_id": tenant_id, "names": sorted(fragments)}
    found = dict(await (await connection.execute(_OWN if to_change else _SHARE, names)).fetchall())
    for name, version in sorted(fragments.items()):
        newest = found.get(name, 0)
        if newest < version or (newest != version and to_change in ("", name)):
            raise changed("fragment", name)


def changed(what: str, name: str) -> PulseError:
    """FAILED_PRECONDITION: somebody was faster."""
    return PulseError(
        Code.FAILED_PRECONDITION,
        f"{what.upper()}_CHANGED",
        f"the {what} {quoted(name)} was changed or deleted meanwhile",
        hint="try again: it is then made with what there is now",
    )
