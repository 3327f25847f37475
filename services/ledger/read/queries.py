"""What readers ask, in SQLAlchemy Core, compiled for psycopg."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from services.ledger.postgres.compiling import Query, compiled
from services.ledger.postgres.tables import deliveries as d
from services.ledger.postgres.tables import events as e
from services.ledger.postgres.tables import notifications as n
from services.ledger.rules.delivery import Delivery, Ref
from services.ledger.rules.states import WAITING, Status
from shared.ids import time_floor

#: Events' columns that an :class:`services.ledger.rules.delivery.Event` takes as they are.
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


def one(ref: Ref) -> Query:
    """A notification and its state."""
    return _one().with_(**_name(ref))


def timeline(ref: Ref, after: int) -> Query:
    """Its events after a sequence number, oldest first."""
    return _timeline().with_(**_name(ref), after=after)


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
    text, texts = sa.Text(), pg.ARRAY(sa.Text())
    read_as: dict[str, Any] = {"notification_id": text, "device_token_id": text, "refused_devices": texts}
    return [sa.cast(d.c[name], read_as[name]) if name in read_as else d.c[name] for name in Delivery._fields]


def notification(*, whole: bool = False) -> sa.Select[Any]:
    """What was asked for and where it stands, in the order of the class that takes it.

    ``whole``: with what has no column, which lists do without.
    """
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
        n.c.asked if whole else sa.literal_column("NULL::bytea").label("asked"),
    )
    same = (d.c.tenant_id == n.c.tenant_id) & (d.c.notification_id == n.c.notification_id)
    return sa.select(*asked, *state()).select_from(n.join(d, same))


def event() -> list[sa.ColumnElement[Any]]:
    """The columns of an event, in the order in which :func:`services.ledger.read.reader.happening` takes them."""
    texts = {name: sa.func.coalesce(e.c[name], "") for name in EVENT_REST if isinstance(e.c[name].type, sa.Text)}
    numbers = {name: sa.func.coalesce(e.c[name], 0) for name in ("attempt", "fence")}
    rest = [(texts | numbers).get(name, e.c[name]) for name in EVENT_REST]
    head = (e.c.sequence, e.c.recorded_at, e.c.kind, e.c.status, e.c.outcome, e.c.reported)
    return [*head, e.c.failure_code, e.c.failure_message, e.c.decisions, e.c.devices, *rest]


# What is read all the time is compiled once: to make and to compile a statement costs several times what the rest of
# a read does.


@functools.cache
def _one() -> Query:
    return compiled(notification(whole=True).where(_is(d), _is(n)))


@functools.cache
def _timeline() -> Query:
    statement = sa.select(*event()).where(_is(e), e.c.sequence > sa.bindparam("after"))
    return compiled(statement.order_by(e.c.sequence))


def _is(table: sa.Table) -> sa.ColumnElement[bool]:
    """It is the one that the parameters name."""
    return (table.c.tenant_id == sa.bindparam("tenant_id")) & (
        table.c.notification_id == sa.bindparam("notification_id")
    )


def _name(ref: Ref) -> dict[str, Any]:
    return {"tenant_id": ref[0], "notification_id": ref[1]}


def _of(tenant_id: str) -> list[sa.ColumnElement[bool]]:
    return [d.c.tenant_id == tenant_id] if tenant_id else []
