"""Changes as the statement that writes them: of each delivery what changed, and the events that led to it."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Collection, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

from services.ledger.postgres.columns import (
    BIGINT,
    BOOLEAN,
    DOUBLE,
    INTEGER,
    JSON,
    TEXT,
    TEXTS,
    TIME,
    UUID,
    Batch,
    Column,
    Kind,
    Shape,
    batch,
)
from services.ledger.postgres.compiling import Query
from services.ledger.rules.delivery import Change, Delivery, Event, Ref

_STATUS = TEXT.as_("status")

#: What of a delivery a change may write, besides its key and what is written with every change.
_CHANGING: Mapping[str, Kind] = {
    "status": _STATUS,
    "due_at": TIME,
    "ready_at": TIME,
    "lease_until": TIME,
    "fence": BIGINT,
    "attempt": INTEGER,
    "attempt_limit": INTEGER,
    "route_index": INTEGER,
    "provider": TEXT,
    "provider_message_id": TEXT,
    "failure_code": TEXT,
    "failure_message": TEXT,
    "early_receipt": JSON,
    "last_attempt_at": TIME,
    "sent_at": TIME,
    "delivered_at": TIME,
    "updated_at": TIME,
    "died_at": TIME,
    "channel": TEXT.as_("channel"),
    "route": TEXTS,
    "fallback_index": INTEGER,
    "fallback_at": TIME,
    "deferred_at": TIME,
    "device_token_id": UUID,
    "refused_devices": TEXTS.as_("uuid[]"),
    "rests": JSON,
    "losses": INTEGER,
    "secured": _STATUS,
}
_EVENT: Mapping[str, Kind] = {
    "kind": TEXT.as_("event_kind"),
    "status": _STATUS,
    "attempt": INTEGER,
    "fence": BIGINT,
    "provider": TEXT,
    "outcome": TEXT.as_("outcome"),
    "latency_ms": DOUBLE,
    "provider_message_id": TEXT,
    "failure_code": TEXT,
    "failure_message": TEXT,
    "reported": _STATUS,
    "decisions": JSON,
    "next_attempt_at": TIME,
    "lease_until": TIME,
    "actor": TEXT,
    "worker": TEXT,
    "devices": JSON,
}
_values = attrgetter(*_CHANGING)
_ref = attrgetter("tenant_id", "notification_id")
_NULL_IF_EMPTY = frozenset({"refused_devices", "rests"})
#: Grows from attempt to attempt, of deliveries that have seen different numbers of them.
_COUNTS = frozenset({"revision", "sequence", "attempt", "fence"})


def written(changes: Sequence[Change], stored: Mapping[Ref, Delivery], now: dt.datetime) -> Query:
    """The statement that writes changes, with its parameters.

    ``stored`` is what the rows hold: only what differs from it is written, and all of those that it leaves out.
    """
    deliveries, events = _deliveries([change.delivery for change in changes], stored), _events(changes)
    if events is None:
        return Query(_updating(deliveries.shape), deliveries.parameters)
    text = _changing(deliveries.shape, events.shape)
    return Query(text, {**deliveries.parameters, **events.parameters, "now": now})


@functools.lru_cache(maxsize=1024)
def _changing(deliveries: Shape, events: Shape) -> str:
    columns = events.values
    return f"""
WITH changed AS ({_updating(deliveries)})
INSERT INTO events ({", ".join(columns)}, recorded_at)
SELECT {", ".join(columns.values())}, %(now)s FROM {events.source}
"""  # noqa: S608 -- made of constants


@functools.lru_cache(maxsize=1024)
def _updating(shape: Shape) -> str:
    values = shape.values
    tenant_id, notification_id = values.pop("tenant_id"), values.pop("notification_id")
    values["state_revision"] = values["revision"]
    columns = ", ".join(f"{name} = {value}" for name, value in values.items())
    return f"""
UPDATE deliveries d SET {columns} FROM {shape.source}
WHERE d.tenant_id = {tenant_id} AND d.notification_id = {notification_id}
"""  # noqa: S608 -- made of constants


def _deliveries(changed: Sequence[Delivery], stored: Mapping[Ref, Delivery]) -> Batch:
    after = [*zip(*map(_values, changed), strict=True)]
    before = [*zip(*(_values(stored[one.ref]) if one.ref in stored else _NOTHING for one in changed), strict=True)]
    tenants, ids = zip(*map(_ref, changed), strict=True)
    own = [("tenant_id", TEXT, tenants), ("notification_id", UUID, ids)]
    columns: list[Column] = [
        ("revision", INTEGER, [one.revision for one in changed]),
        ("drawn", BOOLEAN, [_drawn(one) for one in changed]),
    ]
    for (name, kind), values, were in zip(_CHANGING.items(), after, before, strict=True):
        if values != were:
            columns.append((name, kind, [value or None for value in values] if name in _NULL_IF_EMPTY else values))
    return batch("d", own, *_grouped(columns))


#: Differs from whatever a row may hold.
_NOTHING = (object(),) * len(_CHANGING)


def _drawn(delivery: Delivery) -> bool | None:
    """As :data:`services.ledger.postgres.older_rows.DRAWN` reads it: FALSE where the times would say that it was."""
    return delivery.drawn if delivery.drawn or delivery.due_at != delivery.ready_at else None


def _grouped(columns: Sequence[Column]) -> Iterator[list[Column]]:
    """As :func:`batch` takes them."""
    yield [column for column in columns if column[0] in _COUNTS]
    yield from ([column] for column in columns if column[0] not in _COUNTS)


def _events(changes: Collection[Change]) -> Batch | None:
    """The events, each with its sequence number; None if there are none. What none of them has is left out."""
    rows = list(_numbered(changes))
    if not rows:
        return None
    tenants, ids, numbers, *told = zip(*rows, strict=True)
    own = [("tenant_id", TEXT, tenants), ("notification_id", UUID, ids)]
    columns = [("sequence", INTEGER, numbers)]
    columns += [(name, kind, values) for (name, kind), values in zip(_EVENT.items(), told, strict=True) if any(values)]
    return batch("e", own, *_grouped(columns))


def _numbered(changes: Collection[Change]) -> Iterator[tuple[Any, ...]]:
    for change in changes:
        ref = change.delivery.ref
        for number, event in enumerate(change.events, change.first_sequence):
            yield (*ref, number, *_event(event))


def _event(event: Event) -> Iterator[Any]:
    """Its columns; what is empty becomes NULL."""
    fields = event._asdict()
    code, message = fields.pop("failure")
    # Of a failure with only one of them, the other is known to be empty.
    either = bool(code or message)
    fields["failure_code"], fields["failure_message"] = (code, message) if either else (None, None)
    for name in _EVENT:
        value = fields[name]
        yield value if value or (either and name.startswith("failure_")) else None
