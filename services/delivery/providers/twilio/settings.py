"""Whose account at Twilio, and who SMS come from."""

from __future__ import annotations

from typing import Self

from pydantic import Field, SecretStr, model_validator

from services.delivery.providers.base.settings import ProviderSettings
from shared.channel.sender_addresses import is_text_sender
from shared.config import check_has_host

TWILIO_URL = "https://api.twilio.com"


class TwilioSettings(ProviderSettings):
    """Each key behind ``PULSE_``."""

    twilio_account_sid: str = Field("", description="Twilio account; empty: no SMS")
    twilio_auth_token: SecretStr = Field(SecretStr(""), description="its auth token; also verifies callbacks")
    twilio_from: str = Field(
        "",
        description="sender: a number in E.164, a short code, an alphanumeric id or a messaging service (MG…)",
    )
    twilio_base_url: str = Field("", description="replaces https://api.twilio.com, for a look-alike")
    twilio_connections: int = Field(16, ge=1, le=500, description="calls to Twilio at once")

    twilio_prices: bool = Field(True, description="whether Twilio is asked what an SMS costs once it has arrived")

    @model_validator(mode="after")
    def _twilio_is_complete(self) -> Self:
        if self.twilio_account_sid and not (self.twilio_auth_token.get_secret_value() and self.twilio_from):
            raise ValueError("PULSE_TWILIO_ACCOUNT_SID also needs PULSE_TWILIO_AUTH_TOKEN and PULSE_TWILIO_FROM")
        if self.twilio_from and not is_text_sender(self.twilio_from):
            raise ValueError(
                "PULSE_TWILIO_FROM must be a number such as +15005550006, a short code of 3 to 8 digits, an id of at "
                "most 11 letters and digits, or a messaging service: MG and 32 hexadecimal digits"
            )
        check_has_host("twilio_base_url", self.twilio_base_url)
        return self
