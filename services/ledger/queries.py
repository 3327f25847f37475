"""What readers ask, in SQLAlchemy Core, compiled for psycopg."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from services.ledger.delivery import Delivery, Ref
from services.ledger.paging import Filter
from services.ledger.states import WAITING, Status
from services.ledger.tables import deliveries as d
from services.ledger.tables import events as e
from services.ledger.tables import notifications as n
from shared.ids import time_floor

#: Events' columns that an :class:`services.ledger.delivery.Event` takes as they are.
EVENT_REST = (
    "attempt",
    "fence",
    "provider",
    "latency_ms",
    "provider_message_id",
    "next_attempt_at",
    "lease_until",
    "actor",
    "worker",
)
_DIALECT: Any = PGDialect_psycopg()  # type: ignore[no-untyped-call]
_LIVE = WAITING | {Status.SENDING}


class Query(NamedTuple):
    """A statement in psycopg's paramstyle, and its parameters."""

    text: str
    parameters: Mapping[str, Any]


def compiled(statement: sa.sql.ClauseElement) -> Query:
    """For psycopg, without a SQLAlchemy connection."""
    done = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    return Query(str(done), done.params)


def one(ref: Ref) -> Query:
    """A notification and its state."""
    return compiled(notification().where(_is(d, ref), _is(n, ref)))


def at_rest(ref: Ref) -> Query:
    """Whether nothing more happens to it by itself, and its last event's number."""
    return compiled(sa.select(d.c.due_at.is_(None), d.c.revision).where(_is(d, ref)))


def timeline(ref: Ref, after: int) -> Query:
    """Its events after a sequence number, oldest first."""
    texts = {name: sa.func.coalesce(e.c[name], "") for name in EVENT_REST if isinstance(e.c[name].type, sa.Text)}
    numbers = {name: sa.func.coalesce(e.c[name], 0) for name in ("attempt", "fence")}
    rest = [(texts | numbers).get(name, e.c[name]) for name in EVENT_REST]
    head = (e.c.sequence, e.c.recorded_at, e.c.kind, e.c.status, e.c.outcome, e.c.reported)
    statement = sa.select(*head, e.c.failure_code, e.c.failure_message, e.c.decisions, *rest)
    return compiled(statement.where(_is(e, ref), e.c.sequence > after).order_by(e.c.sequence))


def page(wanted: Filter, size: int, before: str) -> Query:
    """Notifications below an id, newest first. Times are those in the ids, so that partitions are left out by them."""
    statement = notification().where(d.c.tenant_id == wanted.tenant_id)
    equal = {
        n.c.user_id: wanted.user_id,
        n.c.template_name: wanted.template_name,
        d.c.channel: wanted.channel,
        d.c.provider: wanted.provider,
        d.c.failure_code: wanted.failure_code,
    }
    given = [column for column, value in equal.items() if value]
    statement = statement.where(*(column == equal[column] for column in given))
    # Written out for the partial indexes: PostgreSQL must see that they cover what is asked.
    statement = statement.where(
        *(column != sa.literal_column("''") for column in given if isinstance(column.type, sa.Text))
    )
    if wanted.statuses:
        statement = statement.where(*_stand_in(wanted.statuses))
    if wanted.created_after is not None:
        statement = statement.where(d.c.notification_id >= time_floor(wanted.created_after))
    if wanted.created_before is not None:
        statement = statement.where(d.c.notification_id < time_floor(wanted.created_before))
    if before:
        statement = statement.where(d.c.notification_id < before)
    order = n.c.notification_id if wanted.user_id or wanted.template_name else d.c.notification_id
    return compiled(statement.order_by(order.desc()).limit(size))


def depths(tenant_id: str, now: dt.datetime) -> Query:
    """For each lane: due, waiting, sending, and since when the oldest has been due."""
    waiting = d.c.status.in_([*WAITING])
    due = waiting & (d.c.ready_at <= now)
    statement = sa.select(
        d.c.lane,
        sa.func.count().filter(due),
        sa.func.count().filter(waiting & (d.c.ready_at > now)),
        sa.func.count().filter(d.c.status == Status.SENDING),
        sa.func.min(d.c.ready_at).filter(due),
    )
    statement = statement.where(d.c.due_at.is_not(None), *_of(tenant_id))
    return compiled(statement.group_by(d.c.lane))


def statistics(
    tenant_id: str, since: dt.datetime, *, starts: Sequence[dt.datetime] = (), by_provider: bool = False
) -> Query:
    """For each status and channel: how many, the sum of their attempts, the provider and the number of the bucket.

    Buckets begin at ``starts``, counted from 1; what is not asked for is empty and 0.
    """
    # Ids begin with their time, so they are compared with the least ids of the buckets.
    floors = sa.literal([time_floor(start) for start in starts], pg.ARRAY(sa.Uuid(as_uuid=False)))
    provider = d.c.provider if by_provider else sa.literal_column("''").label("provider")
    bucket = (sa.func.width_bucket(d.c.notification_id, floors) if starts else sa.literal_column("0")).label("bucket")
    statement = sa.select(d.c.status, d.c.channel, sa.func.count(), sa.func.sum(d.c.attempt), provider, bucket)
    statement = statement.where(d.c.notification_id >= time_floor(since), *_of(tenant_id))
    return compiled(statement.group_by(d.c.status, d.c.channel, sa.text("provider"), sa.text("bucket")))


def state() -> list[sa.ColumnElement[Any]]:
    """The columns of a delivery in the class's order."""
    return [d.c[name] if name != "notification_id" else sa.cast(d.c[name], sa.Text) for name in Delivery._fields]


def notification() -> sa.Select[Any]:
    """What was asked for and where it stands, in the order of the class that takes it."""
    asked = (
        n.c.user_id,
        n.c.template_name,
        n.c.template_version,
        n.c.recipient,
        n.c.idempotency_key,
        n.c.locale,
        n.c.metadata,
        n.c.traceparent,
        n.c.not_before,
        n.c.created_at,
        n.c.category,
        sa.cast(sa.func.nullif(n.c.collapsed_into, n.c.notification_id), sa.Text),
    )
    same = (d.c.tenant_id == n.c.tenant_id) & (d.c.notification_id == n.c.notification_id)
    return sa.select(*asked, *state()).select_from(n.join(d, same))


def _is(table: sa.Table, ref: Ref) -> sa.ColumnElement[bool]:
    return (table.c.tenant_id == ref[0]) & (table.c.notification_id == ref[1])


def _of(tenant_id: str) -> list[sa.ColumnElement[bool]]:
    return [d.c.tenant_id == tenant_id] if tenant_id else []


def _stand_in(statuses: tuple[Status, ...]) -> list[sa.ColumnElement[bool]]:
    """Written out, not as parameters: PostgreSQL must see that a partial index covers them."""
    conditions: list[sa.ColumnElement[bool]] = [d.c.status.in_([sa.literal_column(f"'{one}'") for one in statuses])]
    if set(statuses) <= _LIVE:
        conditions.append(d.c.due_at.is_not(None))
    return conditions
