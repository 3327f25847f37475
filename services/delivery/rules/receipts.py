"""Receipt: what a provider reports later about a notification that it took over."""

from __future__ import annotations

from dataclasses import dataclass

from services.delivery.rules.provider import Rejection


@dataclass(frozen=True, slots=True)
class Receipt:
    """One report. ``status`` is SENT, DELIVERED or UNDELIVERED; the ledger moves only on the last two."""

    tenant_id: str
    notification_id: str
    provider: str
    provider_message_id: str
    status: str
    failure_code: str = ""
    failure_message: str = ""
    rejection: Rejection | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """What a provider charges for what it took over; ``amount`` is a decimal number, ``currency`` of ISO 4217."""

    tenant_id: str
    notification_id: str
    provider: str
    provider_message_id: str
    channel: str
    amount: str
    currency: str
