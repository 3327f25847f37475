"""What changed of what others keep a copy of, page by page: PostgreSQL gives each change its revision (0009a_feeds)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from services.ledger.postgres.postgres import Connection

_NEWEST = "SELECT coalesce((SELECT revision FROM revisions WHERE subject = %(subject)s), 0)"


class Page(NamedTuple):
    """What changed after a revision: up to which one it tells, and whether there is more."""

    rows: Sequence[tuple[Any, ...]]
    revision: int
    more: bool


async def page(connection: Connection, subject: str, changed: str, parameters: dict[str, Any], size: int) -> Page:
    """``changed`` selects what came after ``known_revision``, its own revision first, in its order, ``size`` at most.

    The newest revision is read before: what is committed in between is told with the next page.
    """
    row = await (await connection.execute(_NEWEST, {"subject": subject})).fetchone()
    assert row is not None  # noqa: S101 -- it always returns one
    newest = int(row[0])
    values = parameters | {"newest": newest, "limit": size}
    rows = await (await connection.execute(changed, values)).fetchall()
    more = len(rows) == size
    return Page(rows, rows[-1][0] if more else newest, more)
