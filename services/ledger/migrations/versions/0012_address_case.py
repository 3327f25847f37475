"""Suppressions of one mail address in upper and lower case are one.

A suppression's digest is that of its address in lower case from now on. Of several that say the same then, the oldest
stays.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
#: The release before would go on to write the digests that are replaced here.
release = "after"

#: Rows read at once.
_BATCH = 1_000

# Those of other channels differ by case.
_MIXED = sa.text("""
SELECT tenant_id, user_id, digest, channel, address, category, reason FROM suppressions
WHERE (channel = 'EMAIL' OR channel IS NULL AND address LIKE '%@%') AND address ~ '[^ -@[-~]'
    AND (tenant_id, user_id, digest) > (:tenant_id, :user_id, :digest)
ORDER BY tenant_id, user_id, digest LIMIT :batch
""")

# The oldest of the equal ones takes the place of all: its id begins with its time.
_MERGE = sa.text("""
WITH equal AS (
    SELECT * FROM suppressions
    WHERE tenant_id = :tenant_id AND user_id = :user_id AND digest IN (:digest, :folded)
), others AS (
    DELETE FROM suppressions s USING equal e
    WHERE s.tenant_id = e.tenant_id AND s.user_id = e.user_id AND s.digest = e.digest
        AND s.suppression_id <> (SELECT min(suppression_id::text)::uuid FROM equal)
)
SELECT digest FROM equal ORDER BY suppression_id LIMIT 1
""")

_FOLD = sa.text("""
UPDATE suppressions SET digest = :folded WHERE tenant_id = :tenant_id AND user_id = :user_id AND digest = :digest
""")


def upgrade() -> None:
    if op.get_context().as_sql:
        return  # from nothing on there are none
    connection = op.get_bind()
    # Its policies show all rows, also to an owner for whom row-level security holds.
    op.execute("SET LOCAL ROLE pulse_platform")
    last: dict[str, Any] = {"tenant_id": "", "user_id": "", "digest": b""}
    while found := _page(connection, last):
        for row in found:
            last = {"tenant_id": row.tenant_id, "user_id": row.user_id, "digest": bytes(row.digest)}
            folded = last | {"folded": _digest(row)}
            kept = connection.execute(_MERGE, folded).scalar()
            if kept is not None:
                connection.execute(_FOLD, folded | {"digest": bytes(kept)})
    op.execute("RESET ROLE")


def _page(connection: sa.Connection, last: dict[str, Any]) -> Sequence[Any]:
    return connection.execute(_MIXED, last | {"batch": _BATCH}).all()


def _digest(row: Any) -> bytes:
    said = json.dumps([row.channel, row.address.casefold(), row.category, row.reason])
    return hashlib.sha256(said.encode()).digest()
