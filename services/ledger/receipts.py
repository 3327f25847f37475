"""What a provider's later report does to a delivery."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import NamedTuple

from services.ledger.attempts import reported
from services.ledger.changes import begin, happen
from services.ledger.delivery import Change, Delivery, Event, Failure, Kind, Ref
from services.ledger.states import Status

#: What a DELIVERED receipt ends: taken over, or given up while the answer was missing.
_DELIVERABLE = frozenset({Status.SENT, Status.RETRYING, Status.QUEUED, Status.UNKNOWN})
#: What an UNDELIVERED receipt ends; whatever is still to be tried again stays so.
_UNDELIVERABLE = frozenset({Status.SENT, Status.UNKNOWN})


class Receipt(NamedTuple):
    """A provider's report."""

    ref: Ref
    provider: str
    provider_message_id: str
    #: DELIVERED, UNDELIVERED, or anything else, which is kept in the timeline only.
    status: Status
    failure: Failure

    @property
    def identity(self) -> Identity:
        return self.ref, self.provider, self.provider_message_id, self.status


#: Receipts that are equal in these are repetitions.
Identity = tuple[Ref, str, str, Status]


def decide(delivery: Delivery, receipt: Receipt, known: Collection[Identity], now: dt.datetime) -> Change | None:
    """The change that the receipt makes, if only a line in the timeline; None for a repetition or a forgery."""
    if receipt.identity in known or delivery.fence == 0:
        return None
    if _ends(delivery, receipt):
        return reported(delivery, _event(receipt, receipt.status), _as_mapping(receipt), now)
    event = _event(receipt, delivery.status)
    if delivery.status is Status.SENDING and _is_final(receipt) and not _holds_better(delivery):
        return happen(begin(delivery), event, now, early_receipt=_as_mapping(receipt))
    return Change(delivery._replace(updated_at=now, revision=delivery.revision + 1), (event,))


def _ends(delivery: Delivery, receipt: Receipt) -> bool:
    if receipt.status is Status.DELIVERED:
        return delivery.status in _DELIVERABLE
    own = delivery.provider_message_id in ("", receipt.provider_message_id) or not receipt.provider_message_id
    return receipt.status is Status.UNDELIVERED and delivery.status in _UNDELIVERABLE and own


def _is_final(receipt: Receipt) -> bool:
    return receipt.status in (Status.DELIVERED, Status.UNDELIVERED)


def _holds_better(delivery: Delivery) -> bool:
    return delivery.early_receipt is not None and delivery.early_receipt["status"] == Status.DELIVERED


def _event(receipt: Receipt, status: Status) -> Event:
    return Event(
        Kind.RECEIPT,
        status,
        provider=receipt.provider,
        provider_message_id=receipt.provider_message_id,
        failure=receipt.failure,
        reported=receipt.status,
    )


def _as_mapping(receipt: Receipt) -> dict[str, str]:
    return {
        "status": receipt.status,
        "provider_message_id": receipt.provider_message_id,
        "code": receipt.failure.code,
        "message": receipt.failure.message,
    }
