"""Which program takes notifications over by HTTP."""

from __future__ import annotations

from typing import Self

from pydantic import Field, SecretStr, model_validator

from services.delivery.providers.base.settings import ProviderSettings
from shared.channel.table import Channel
from shared.config import check_has_host


class WebhookSettings(ProviderSettings):
    """Each key behind ``PULSE_``."""

    webhook_url: str = Field(
        "", pattern="^(https?://.*)?$", description="program that takes notifications over by HTTP; empty: none"
    )
    webhook_secret: SecretStr = Field(
        SecretStr(""), description="whsec_… by Standard Webhooks, signs; several, by commas: all sign"
    )
    webhook_channel: str = Field(
        Channel.EMAIL.value, pattern=f"^({'|'.join(Channel)})$", description="channel it is listed under"
    )
    webhook_connections: int = Field(16, ge=1, le=500, description="calls to it at once")

    @model_validator(mode="after")
    def _webhook_is_safe(self) -> Self:
        check_has_host("webhook_url", self.webhook_url)
        if self.webhook_url and not self.webhook_secret.get_secret_value():
            raise ValueError("PULSE_WEBHOOK_URL also needs PULSE_WEBHOOK_SECRET")
        if self.webhook_url.startswith("http://") and self.env == "production":
            raise ValueError("PULSE_WEBHOOK_URL must begin with https://: notifications would travel in the clear")
        return self
