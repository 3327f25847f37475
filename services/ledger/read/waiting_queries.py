"""What is asked of those that wait to be sent, in SQLAlchemy Core, compiled for psycopg.

All that wait are in ``deliveries_flow_idx``, and few else: so they are looked at one by one, however long the history.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from services.ledger.postgres.compiling import Query, compiled
from services.ledger.postgres.tables import deliveries as d
from services.ledger.postgres.tables import notifications as n
from services.ledger.rules.delivery import Lane
from services.ledger.rules.states import WAITING
from services.ledger.stores.paging import WaitingFilter
from shared.ids import time_floor


def count(wanted: WaitingFilter) -> Query:
    """How many wait."""
    return compiled(_of(sa.select(sa.func.count()), wanted))


def ids(wanted: WaitingFilter, size: int) -> Query:
    """The ids of up to ``size``, in no order."""
    return compiled(_of(sa.select(sa.cast(d.c.notification_id, sa.Text)), wanted).limit(size))


def _of(statement: sa.Select[Any], wanted: WaitingFilter) -> sa.Select[Any]:
    same = (n.c.tenant_id == d.c.tenant_id) & (n.c.notification_id == d.c.notification_id)
    lanes = d.c.lane.in_(sorted(Lane.known()))  # the index begins with them
    waits = (d.c.due_at.is_not(None), d.c.status.in_(sorted(WAITING)), lanes, d.c.tenant_id == wanted.tenant_id)
    return statement.select_from(d.join(n, same)).where(*waits, *_meant(wanted))


def _meant(wanted: WaitingFilter) -> list[sa.ColumnElement[bool]]:
    equal: dict[sa.Column[Any], Any] = {
        n.c.user_id: wanted.user_id,
        d.c.channel: wanted.channel,
        n.c.template_name: wanted.template_name,
        n.c.category: wanted.category,
        n.c.idempotency_key: wanted.idempotency_key,
    }
    meant = [column == value for column, value in equal.items() if value]
    meant += [n.c.metadata.op("->>")(sa.literal(key, sa.Text)) == value for key, value in wanted.metadata]
    # Ids begin with their time; both tables are parted by them.
    for table in (d, n):
        if wanted.created_after:
            meant.append(table.c.notification_id >= time_floor(wanted.created_after))
        if wanted.created_before:
            meant.append(table.c.notification_id < time_floor(wanted.created_before))
    return meant
