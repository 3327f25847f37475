"""Changes as the statement that writes them takes them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from operator import attrgetter
from typing import Any

from services.ledger.postgres import rows
from services.ledger.rules.delivery import Change, Delivery, Event

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
    "drawn",
    "device_token_id",
    "refused_devices",
    "rests",
    "losses",
)
_COLUMNS = ("tenant_id", "notification_id", *_CHANGING)
_values = attrgetter(*_COLUMNS)


def written(changes: Collection[Change], now: dt.datetime) -> dict[str, Any]:
    """The parameters of the statement that writes changes."""
    return {"deliveries": _deliveries(changes), "events": _events(changes), "now": now}


def _deliveries(changes: Iterable[Change]) -> str:
    """The new states."""
    return rows.encode(_delivery(change.delivery) for change in changes)


def _delivery(delivery: Delivery) -> dict[str, Any]:
    """What is empty becomes NULL, as it nearly always is."""
    fields = dict(zip(_COLUMNS, _values(delivery), strict=True))
    fields["refused_devices"] = delivery.refused_devices or None
    fields["rests"] = delivery.rests or None
    return fields


def _events(changes: Iterable[Change]) -> str:
    """The events, each with its sequence number; what is empty is left out and becomes NULL."""
    return rows.encode(
        {"tenant_id": change.delivery.tenant_id, "notification_id": change.delivery.notification_id, "sequence": number}
        | _event(event)
        for change in changes
        for number, event in enumerate(change.events, change.first_sequence)
    )


def _event(event: Event) -> dict[str, Any]:
    fields = {name: value for name, value in event._asdict().items() if value}
    if event.failure.code or event.failure.message:
        fields["failure_code"], fields["failure_message"] = event.failure
    fields.pop("failure", None)
    return fields
