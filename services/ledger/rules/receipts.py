"""What a provider's later report does to a delivery."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import NamedTuple

from services.ledger.rules.attempts import reported
from services.ledger.rules.changes import begin, happen
from services.ledger.rules.delivery import Change, Delivery, Event, Failure, Kind, Ref
from services.ledger.rules.recipients import Rejection
from services.ledger.rules.states import Status

#: What a DELIVERED receipt ends: taken over, or given up while the answer was missing.
DELIVERABLE = frozenset({Status.SENT, Status.SCHEDULED, Status.RETRYING, Status.QUEUED, Status.UNKNOWN})
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
    #: The provider's word on the address.
    rejection: Rejection | None = None

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
    if delivery.status is Status.SENDING and _is_worth_keeping(delivery, receipt):
        return happen(begin(delivery), event, now, early_receipt=_as_mapping(receipt))
    return Change(delivery._replace(updated_at=now, revision=delivery.revision + 1), (event,))


def _ends(delivery: Delivery, receipt: Receipt) -> bool:
    if receipt.status is Status.DELIVERED:
        return delivery.status in DELIVERABLE
    own = delivery.provider_message_id in ("", receipt.provider_message_id) or not receipt.provider_message_id
    # What did not arrive at one of several devices may have at another.
    not_arrived = receipt.status is Status.UNDELIVERED and delivery.status in _UNDELIVERABLE and not delivery.secured
    return not_arrived and own and not _is_of_a_channel_left(delivery, receipt)


def _is_worth_keeping(delivery: Delivery, receipt: Receipt) -> bool:
    """True if it may decide what the current attempt's end means."""
    if delivery.early_receipt is not None and delivery.early_receipt["status"] == Status.DELIVERED:
        return False
    if receipt.status is Status.UNDELIVERED:
        return not _is_of_a_channel_left(delivery, receipt)
    return receipt.status is Status.DELIVERED


def _is_of_a_channel_left(delivery: Delivery, receipt: Receipt) -> bool:
    """True for what a provider reports after the next channel has taken over from its own."""
    return delivery.fallback_index > 0 and receipt.provider != delivery.provider


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
