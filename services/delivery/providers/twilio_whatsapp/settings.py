"""Whose account at Twilio, and who WhatsApp messages come from."""

from __future__ import annotations

from typing import Self

from pydantic import Field, SecretStr, model_validator

from services.delivery.providers.base.settings import ProviderSettings
from shared.channel.sender_addresses import is_messaging_service, is_number
from shared.config import check_has_host


class TwilioWhatsappSettings(ProviderSettings):
    """Each key behind ``PULSE_``. The account may be that of SMS, or another."""

    twilio_whatsapp_account_sid: str = Field("", description="Twilio account for WhatsApp; empty: no WhatsApp")
    twilio_whatsapp_auth_token: SecretStr = Field(SecretStr(""), description="its auth token; also verifies callbacks")
    twilio_whatsapp_from: str = Field(
        "", description="sender of WhatsApp messages: a number in E.164, or a messaging service (MG…)"
    )
    twilio_whatsapp_base_url: str = Field("", description="replaces https://api.twilio.com, for a look-alike")
    twilio_whatsapp_connections: int = Field(16, ge=1, le=500, description="calls to Twilio for WhatsApp at once")

    twilio_whatsapp_prices: bool = Field(
        True, description="whether Twilio is asked what a WhatsApp message costs once it has arrived"
    )

    @model_validator(mode="after")
    def _twilio_whatsapp_is_complete(self) -> Self:
        token, sender = self.twilio_whatsapp_auth_token.get_secret_value(), self.twilio_whatsapp_from
        if self.twilio_whatsapp_account_sid and not (token and sender):
            raise ValueError(
                "PULSE_TWILIO_WHATSAPP_ACCOUNT_SID also needs PULSE_TWILIO_WHATSAPP_AUTH_TOKEN and "
                "PULSE_TWILIO_WHATSAPP_FROM"
            )
        if sender and not (is_number(sender) or is_messaging_service(sender)):
            raise ValueError(
                "PULSE_TWILIO_WHATSAPP_FROM must be a number such as +14155238886, without whatsapp: before it, or a "
                "messaging service: MG and 32 hexadecimal digits"
            )
        check_has_host("twilio_whatsapp_base_url", self.twilio_whatsapp_base_url)
        return self
