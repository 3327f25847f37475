"""Which app's devices pushes are sent to, and who signs for it."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from services.delivery.providers.base.settings import ProviderSettings
from shared.config import check_has_host

#: https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns
APNS_URLS = {"production": "https://api.push.apple.com", "development": "https://api.sandbox.push.apple.com"}


class ApnsSettings(ProviderSettings):
    """Each key behind ``PULSE_``."""

    apns_key_file: str = Field("", description="signing key that Apple gave out (.p8); empty: no APNs")
    apns_key_id: str = Field("", pattern="^([A-Z0-9]{10})?$", description="the key's id, ten characters")
    apns_team_id: str = Field("", pattern="^([A-Z0-9]{10})?$", description="the developer team's id, ten characters")
    apns_topic: str = Field("", pattern=r"^[A-Za-z0-9.-]{0,255}$", description="the app's bundle id")
    apns_environment: str = Field(
        "production", pattern="^(production|development)$", description="which of Apple's servers knows the devices"
    )
    apns_base_url: str = Field(
        "", pattern="^(https?://.*)?$", description="replaces Apple's server with a look-alike, no key needed"
    )
    apns_connections: int = Field(16, ge=1, le=500, description="calls to APNs at once; they share a connection")

    @model_validator(mode="after")
    def _apns_can_be_called(self) -> Self:
        check_has_host("apns_base_url", self.apns_base_url)
        if self.apns_key_file and not (self.apns_key_id and self.apns_team_id and self.apns_topic):
            raise ValueError(
                "PULSE_APNS_KEY_FILE also needs PULSE_APNS_KEY_ID, PULSE_APNS_TEAM_ID and PULSE_APNS_TOPIC"
            )
        return self
