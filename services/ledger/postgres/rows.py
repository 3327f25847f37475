"""Batches as the statements take them: one JSON text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from operator import attrgetter
from typing import Any

from pydantic_core import to_json

from services.ledger.rules.delivery import Change, Delivery, Event, Guarantee, Lane, Ref
from services.ledger.rules.states import Status
from shared.channel.table import Channel

#: What of a delivery a change may write, besides its key.
_CHANGING = (
    "status",
    "due_at",
    "ready_at",
    "lease_until",
    "fence",
    "attempt",
    "attempt_limit",
    "route_index",
    "provider",
    "provider_message_id",
    "failure_code",
    "failure_message",
    "early_receipt",
    "last_attempt_at",
    "sent_at",
    "delivered_at",
    "updated_at",
    "revision",
    "died_at",
    "channel",
    "route",
    "fallback_index",
    "fallback_at",
    "deferred_at",
)
# Looked up in a dictionary: that is several times as fast as asking the enumeration.
_STATUS = {one.value: one for one in Status}
_CHANNEL = {one.value: one for one in Channel}
_LANE = {one.value: one for one in Lane}
_GUARANTEE = {one.value: one for one in Guarantee}
_COLUMNS = ("tenant_id", "notification_id", *_CHANGING)
_values = attrgetter(*_COLUMNS)


def encode(rows: Iterable[dict[str, Any]]) -> str:
    """A JSON array of objects; times become ISO 8601."""
    return to_json(list(rows)).decode()


def refs(refs: Iterable[Ref]) -> str:
    """References, each once."""
    return encode({"tenant_id": tenant, "notification_id": id_} for tenant, id_ in sorted(set(refs)))


def deliveries(changes: Iterable[Change]) -> str:
    """The new states."""
    return encode(dict(zip(_COLUMNS, _values(change.delivery), strict=True)) for change in changes)


def events(changes: Iterable[Change]) -> str:
    """The events, each with its sequence number; what is empty is left out and becomes NULL."""
    return encode(
        {"tenant_id": change.delivery.tenant_id, "notification_id": change.delivery.notification_id, "sequence": number}
        | _event(event)
        for change in changes
        for number, event in enumerate(change.events, change.first_sequence)
    )


def written(changes: Collection[Change], now: dt.datetime) -> dict[str, Any]:
    """The parameters of the statement that writes changes."""
    return {"deliveries": deliveries(changes), "events": events(changes), "now": now}


def delivery(row: tuple[Any, ...]) -> Delivery:
    """A delivery from its columns in the class's order."""
    tenant_id, notification_id, status, channel, lane, guarantee, *rest = row
    names = _STATUS[status], _CHANNEL[channel], _LANE[lane], _GUARANTEE[guarantee]
    return Delivery(tenant_id, notification_id, *names, *rest)


def _event(event: Event) -> dict[str, Any]:
    fields = {name: value for name, value in event._asdict().items() if value}
    if event.failure.code or event.failure.message:
        fields["failure_code"], fields["failure_message"] = event.failure
    fields.pop("failure", None)
    return fields
