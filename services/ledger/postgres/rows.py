"""Batches as the statements take them: one JSON text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic_core import to_json

from services.ledger.rules.delivery import Delivery, Guarantee, Lane, Ref
from services.ledger.rules.states import Status
from shared.channel.table import Channel

# Looked up in a dictionary: that is several times as fast as asking the enumeration.
_STATUS = {one.value: one for one in Status}
_CHANNEL = {one.value: one for one in Channel}
_LANE = {one.value: one for one in Lane}
_GUARANTEE = {one.value: one for one in Guarantee}


def encode(rows: Iterable[dict[str, Any]]) -> str:
    """A JSON array of objects; times become ISO 8601."""
    return to_json(list(rows)).decode()


def refs(refs: Iterable[Ref]) -> str:
    """References, each once."""
    return encode({"tenant_id": tenant, "notification_id": id_} for tenant, id_ in sorted(set(refs)))


def delivery(row: tuple[Any, ...]) -> Delivery:
    """A delivery from its columns in the class's order."""
    tenant_id, notification_id, status, channel, lane, guarantee, *rest = row
    names = _STATUS[status], _CHANNEL[channel], _LANE[lane], _GUARANTEE[guarantee]
    return Delivery(tenant_id, notification_id, *names, *rest)
