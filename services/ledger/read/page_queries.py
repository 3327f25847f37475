"""A page of notifications, by a walk of bounded length.

No index serves every combination of filters. So a page is a walk along the one index that serves the most of them, in
the order of ids, and the other filters are looked at row by row, until there are as many as were asked for or the walk
has gone as far as it may. Then the page ends there, with whatever it has found, and the next one goes on.

PostgreSQL decides how it does a join, but not how far the walk goes: a limit within a sub-select is kept to.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from services.ledger.postgres.compiling import Query, compiled
from services.ledger.postgres.tables import deliveries as d
from services.ledger.postgres.tables import notifications as n
from services.ledger.read.queries import notification
from services.ledger.rules.states import Status
from services.ledger.stores.paging import Filter
from shared.ids import time_floor

#: Statuses in ``deliveries_troubled_idx``.
TROUBLED = frozenset(Status.known()) - {Status.QUEUED, Status.SENDING, Status.SENT, Status.DELIVERED}
#: Columns by which pages are filtered, by the filter's field.
_FILTERS: Mapping[str, sa.Column[Any]] = {
    "user_id": n.c.user_id,
    "template_name": n.c.template_name,
    "channel": d.c.channel,
    "provider": d.c.provider,
    "failure_code": d.c.failure_code,
}
#: Filters that an index serves, those first that most likely leave the least.
_SERVED = ("user_id", "failure_code", "status", "template_name")


def page(wanted: Filter, size: int, before: str, walk: int) -> Query:
    """Up to ``size`` below an id, newest first, of the first ``walk`` along an index.

    Before the columns of a notification stand two: its place on the walk, from 1, and whether it is what is wanted.
    The last of the walk is among them, wanted or not, as the next page begins behind it. Times are those in the ids,
    so that partitions are left out by them.
    """
    equal = {name: value for name in _FILTERS if (value := getattr(wanted, name))}
    floor, ceiling = wanted.created_after, wanted.created_before
    bounds = {
        "floor": time_floor(floor) if floor else "",
        "ceiling": time_floor(ceiling) if ceiling else "",
        "before": before,
    }
    given = {name: bound for name, bound in bounds.items() if bound}
    query = _page(tuple(equal), wanted.statuses, tuple(given))
    return query.with_(tenant_id=wanted.tenant_id, size=size, walk=walk, **equal, **given)


@functools.lru_cache(maxsize=1024)
def _page(equal: tuple[str, ...], statuses: tuple[Status, ...], bounds: tuple[str, ...]) -> Query:
    """For filters by the columns ``equal``, by statuses and by bounds of the id."""
    filters = {name: _filter(name) for name in equal}
    if statuses:
        filters["status"] = _stand_in(statuses)
    served = next((name for name in _SERVED if name in filters and _is_served(name, statuses)), "")
    walk = _walk(n if served in ("user_id", "template_name") else d, filters.get(served), bounds)
    rest = sa.and_(sa.true(), *(filter for name, filter in filters.items() if name != served))
    same = (n.c.notification_id == walk.c.notification_id) & (d.c.notification_id == walk.c.notification_id)
    one_tenant = (n.c.tenant_id == sa.bindparam("tenant_id")) & (d.c.tenant_id == sa.bindparam("tenant_id"))
    statement = sa.select(walk.c.place, rest.label("wanted"), *notification().selected_columns)
    statement = statement.select_from(walk, d, n).where(same, one_tenant)
    statement = statement.where(rest | (walk.c.place == sa.bindparam("walk")))
    return compiled(statement.order_by(walk.c.notification_id.desc()).limit(sa.bindparam("size")))


def _walk(table: sa.Table, served: sa.ColumnElement[bool] | None, bounds: tuple[str, ...]) -> sa.Subquery:
    """Ids along one index, and their places."""
    id_ = table.c.notification_id
    conditions = [table.c.tenant_id == sa.bindparam("tenant_id")]
    if served is not None:
        conditions.append(served)
    for name in bounds:
        bound: sa.BindParameter[Any] = sa.bindparam(name)
        conditions.append(id_ >= bound if name == "floor" else id_ < bound)
    place = sa.func.row_number().over(order_by=id_.desc()).label("place")
    walk = sa.select(id_, place).where(*conditions).order_by(id_.desc())
    return walk.limit(sa.bindparam("walk")).subquery("walk")


def _is_served(name: str, statuses: tuple[Status, ...]) -> bool:
    """Whether an index gives them in the order of ids: of several statuses none does."""
    return name != "status" or (len(statuses) == 1 and statuses[0] in TROUBLED)


def _filter(name: str) -> sa.ColumnElement[bool]:
    column = _FILTERS[name]
    same: sa.ColumnElement[bool] = column == sa.bindparam(name)
    # Written out for the partial indexes: PostgreSQL must see that they cover what is asked.
    return same & (column != sa.literal_column("''")) if isinstance(column.type, sa.Text) else same


def _stand_in(statuses: tuple[Status, ...]) -> sa.ColumnElement[bool]:
    """Written out, not as parameters: PostgreSQL must see that a partial index covers them."""
    literals: list[sa.ColumnClause[Any]] = [sa.literal_column(f"'{one}'") for one in statuses]
    return d.c.status == literals[0] if len(literals) == 1 else d.c.status.in_(literals)
