"""What is asked of the dead letters, in SQLAlchemy Core, compiled for psycopg.

All go along ``deliveries_dead_idx``, in the order of deaths, from one time to another.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa

from services.ledger.postgres.compiling import Query, compiled
from services.ledger.postgres.tables import TIME
from services.ledger.postgres.tables import deliveries as d
from services.ledger.postgres.tables import notifications as n
from services.ledger.read.queries import notification, state
from services.ledger.rules.states import DEAD_LETTERS
from services.ledger.stores.paging import DeadLetterFilter


def page(wanted: DeadLetterFilter, size: int, before: tuple[dt.datetime, str] | None, walk: int) -> Query:
    """With what was asked for, the last to die first, of the first ``walk``: as in ``page_queries``.

    ``before``: only what comes after that death and id.
    """
    order = (d.c.died_at.desc(), d.c.notification_id.desc())
    place = sa.func.row_number().over(order_by=order).label("place")
    graves = sa.select(d.c.notification_id, d.c.died_at, place).where(*_lie_between(wanted))
    if before is not None:
        last = sa.tuple_(sa.literal(before[0], TIME), sa.literal(before[1], sa.Uuid))
        graves = graves.where(sa.tuple_(d.c.died_at, d.c.notification_id) < last)
    walked = graves.order_by(*order).limit(walk).subquery("walk")
    meant = sa.and_(*_differ(wanted))
    same = (n.c.notification_id == walked.c.notification_id) & (d.c.notification_id == walked.c.notification_id)
    one_tenant = (n.c.tenant_id == wanted.tenant_id) & (d.c.tenant_id == wanted.tenant_id)
    statement = sa.select(walked.c.place, meant.label("wanted"), *notification().selected_columns)
    statement = statement.select_from(walked, d, n).where(same, one_tenant, meant | (walked.c.place == walk))
    return compiled(statement.order_by(walked.c.place).limit(size))


def count(wanted: DeadLetterFilter, now: dt.datetime) -> Query:
    """How many there are that could be sent at ``now``."""
    return compiled(sa.select(sa.func.count()).select_from(d).where(*_are(wanted), _alive(now)))


def hold(wanted: DeadLetterFilter, size: int, now: dt.datetime) -> Query:
    """Those that could be sent at ``now``, the first to die first, held until the transaction ends.

    Past those that others hold: they are being replayed already. Behind their columns it says whether these hold all,
    for :func:`services.ledger.postgres.older_rows.completed`.
    """
    known = d.c.state_revision.is_not_distinct_from(d.c.revision)
    statement = sa.select(*state(), known).where(*_are(wanted), _alive(now))
    order = statement.order_by(d.c.died_at, d.c.notification_id).limit(size)
    return compiled(order.with_for_update(skip_locked=True))


def _are(wanted: DeadLetterFilter) -> list[sa.ColumnElement[bool]]:
    return [*_lie_between(wanted), *_differ(wanted)]


def _lie_between(wanted: DeadLetterFilter) -> list[sa.ColumnElement[bool]]:
    """What the index finds."""
    conditions: list[sa.ColumnElement[bool]] = [d.c.tenant_id == wanted.tenant_id, d.c.died_at.is_not(None)]
    if wanted.died_after is not None:
        conditions.append(d.c.died_at >= wanted.died_after)
    if wanted.died_before is not None:
        conditions.append(d.c.died_at < wanted.died_before)
    return conditions


def _differ(wanted: DeadLetterFilter) -> list[sa.ColumnElement[bool]]:
    """What is looked at one by one."""
    equal: dict[sa.Column[Any], Any] = {
        d.c.channel: wanted.channel,
        d.c.provider: wanted.provider,
        d.c.failure_code: wanted.failure_code,
    }
    # Whoever does not know of died_at, as the release before, may have left one behind that is none.
    dead = d.c.status.in_(sorted(DEAD_LETTERS))
    return [dead, *(column == value for column, value in equal.items() if value)]


def _alive(now: dt.datetime) -> sa.ColumnElement[bool]:
    return d.c.expires_at.is_(None) | (d.c.expires_at > now)
