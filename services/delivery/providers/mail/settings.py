"""What all providers of email are told: who it comes from."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from services.delivery.providers.base.settings import ProviderSettings
from services.delivery.providers.mail.mail_addresses import BadAddress, parse_sender


class MailSettings(ProviderSettings):
    """Who emails come from, unless a provider of them has an address of its own."""

    smtp_from: str = Field(
        "Pulse <pulse@localhost>",
        min_length=3,
        description="From of every email, one address: Name <mailbox>; the name is any text, not yet encoded",
    )

    @model_validator(mode="after")
    def _mail_has_a_sender(self) -> Self:
        check_sender("PULSE_SMTP_FROM", self.smtp_from)
        return self


def check_sender(key: str, text: str) -> None:
    """Raises ValueError unless it is one address."""
    try:
        parse_sender(text)
    except BadAddress:
        raise ValueError(f"{key} must be one address, such as Pulse <pulse@example.org>") from None
