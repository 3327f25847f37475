"""Idempotency keys: what a key was used for decides what a request that bears it gets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from services.ledger.accept.entries import Entry
from services.ledger.rules.states import Status
from shared.errors import Code, PulseError

#: Tenant and idempotency key.
Key = tuple[str, str]


class Use(NamedTuple):
    """What a key was used for."""

    fingerprint: bytes
    notification_id: str
    status: Status | None


class Recorded(NamedTuple):
    """A notification is on record."""

    notification_id: str
    status: Status | None
    #: An earlier request made it.
    replayed: bool


#: What became of one entry.
RecordResult = Recorded | PulseError


def result_for(use: Use, fingerprint: bytes, notification_id: str) -> RecordResult:
    """What a request with this fingerprint gets under a key that was used: ALREADY_EXISTS if for another request.

    A request that finds its own notification is one that was sent again on the way here: no replay of the caller's.
    """
    if use.fingerprint != fingerprint:
        return PulseError(
            Code.ALREADY_EXISTS,
            "IDEMPOTENCY_KEY_REUSED",
            "the idempotency key was used for another request",
            hint="send the same request to have its answer again, or another key for another request",
            metadata={"http_status": "422"},
        )
    return Recorded(use.notification_id, use.status, use.notification_id != notification_id)


def leaders(entries: Sequence[Entry]) -> Sequence[Entry]:
    """One entry for each key, the first, and all that have none; likewise for each notification id."""
    keys: set[Key] = set()
    ids: set[Key] = set()
    chosen = []
    for entry in entries:
        key, ref = entry.key, entry.ref
        if ref in ids or (key[1] and key in keys):
            continue
        keys.add(key)
        ids.add(ref)
        chosen.append(entry)
    return chosen
