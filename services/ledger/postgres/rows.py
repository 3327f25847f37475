"""References and batches as the statements take them, and rows as they come back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pydantic_core import to_json

from services.ledger.postgres.columns import TEXT, UUID, Packed, array
from services.ledger.rules.delivery import Delivery, Guarantee, Lane, Ref
from services.ledger.rules.states import Status
from shared.channel.table import UNKNOWN, Channel
from shared.observe.logs import logger

log = logger(__name__)

# Looked up in a dictionary: that is many times as fast as asking the words themselves.
_STATUS = {one.value: one for one in Status}
_CHANNEL = {one.value: one for one in Channel}
_LANE = {one.value: one for one in Lane}
_GUARANTEE = {one.value: one for one in Guarantee}
_NO_TIMES: Mapping[str, dt.datetime] = MappingProxyType({})


def encode(rows: Iterable[dict[str, Any]]) -> str:
    """A JSON array of objects; times become ISO 8601."""
    return to_json(list(rows)).decode()


def refs(refs: Iterable[Ref]) -> Mapping[str, Packed]:
    """References, each once, as :data:`services.ledger.postgres.sql.REFS` takes them."""
    once = sorted(set(refs))
    return {"tenants": array(TEXT, [ref[0] for ref in once]), "ids": array(UUID, [ref[1] for ref in once])}


def delivery(row: Sequence[Any]) -> Delivery:
    """A delivery from its columns in the class's order; UNSPECIFIED stands for what this release does not know."""
    tenant_id, notification_id, status, channel, lane, guarantee, *rest, drawn, device, refused, rests, losses, end = (
        row
    )
    names = (
        _STATUS.get(status, Status.UNSPECIFIED),
        _CHANNEL.get(channel, UNKNOWN),
        _LANE.get(lane, Lane.UNSPECIFIED),
        _GUARANTEE.get(guarantee, Guarantee.UNSPECIFIED),
    )
    secured = None if end is None else _STATUS.get(end, Status.UNSPECIFIED)
    last = bool(drawn), device, refused or (), times(rests), losses, secured
    return Delivery._make((tenant_id, notification_id, *names, *rest, *last))


def times(written: Mapping[str, str] | None) -> Mapping[str, dt.datetime]:
    """A JSON object's values, which are times; NULL: there are none."""
    return {name: dt.datetime.fromisoformat(time) for name, time in written.items()} if written else _NO_TIMES


def parted(deliveries: Iterable[Delivery]) -> tuple[list[Delivery], list[Delivery]]:
    """Those that can be decided, and those that hold a word of another release, which are left alone; says so."""
    understood: list[Delivery] = []
    left_alone: list[Delivery] = []
    for delivery in deliveries:
        (understood if delivery.understood else left_alone).append(delivery)
    if left_alone:
        log.warning(
            "left alone: another release of Pulse wrote words there that this one does not know",
            count=len(left_alone),
            notification_id=left_alone[0].notification_id,
        )
    return understood, left_alone
