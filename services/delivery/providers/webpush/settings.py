"""Who browsers' push services know as the sender."""

from __future__ import annotations

from typing import Self

from pydantic import Field, SecretStr, model_validator

from services.delivery.providers.base.settings import ProviderSettings
from shared.config import check_has_host

#: Most browsers' subscriptions lead there: where it is looked whether push services are in reach.
USUAL_SERVICE = "https://fcm.googleapis.com"


class WebpushSettings(ProviderSettings):
    """Each key behind ``PULSE_``."""

    webpush_private_key: SecretStr = Field(
        SecretStr(""), description="VAPID key, 32 bytes in base64url; its public half is what pages subscribe with"
    )
    webpush_subject: str = Field(
        "", pattern="^((mailto:[^@]+@.+|https://.+))?$", description="whom push services may ask: mailto: or https:"
    )
    webpush_base_url: str = Field(
        "",
        pattern="^(https?://.*)?$",
        description="a look-alike: subscriptions there may be private and by http, no key needed",
    )
    webpush_connections: int = Field(16, ge=1, le=500, description="calls to push services at once")

    @model_validator(mode="after")
    def _webpush_is_complete(self) -> Self:
        check_has_host("webpush_base_url", self.webpush_base_url)
        key = self.webpush_private_key.get_secret_value()
        if bool(key) != bool(self.webpush_subject):
            raise ValueError("PULSE_WEBPUSH_PRIVATE_KEY and PULSE_WEBPUSH_SUBJECT are set together or not at all")
        return self
