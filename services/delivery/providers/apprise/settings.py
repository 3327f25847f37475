"""With which keys destinations are encrypted, and where they may lead."""

from __future__ import annotations

from typing import Self

from pydantic import Field, SecretStr, model_validator

from services.delivery.providers.apprise.sealing import KeyRing
from services.delivery.providers.base.settings import ProviderSettings
from shared.config import check_has_host
from shared.net.public_addresses import networks


class AppriseSettings(ProviderSettings):
    """Each key behind ``PULSE_``."""

    apprise_keys: SecretStr = Field(
        SecretStr(""),
        description="encrypts destinations of channel CHAT: base64 of 32 random bytes; several, by commas: the first "
        "encrypts, all decrypt; empty: no chat",
    )
    apprise_private_networks: str = Field(
        "",
        description="networks besides the public internet that destinations may lead to, 10.1.0.0/16 say, by commas",
    )
    apprise_base_url: str = Field(
        "", pattern="^(https?://.*)?$", description="replaces all chat services with a look-alike"
    )
    apprise_connections: int = Field(16, ge=1, le=500, description="calls to chat services at once")

    @model_validator(mode="after")
    def _apprise_is_safe(self) -> Self:
        check_has_host("apprise_base_url", self.apprise_base_url)
        try:
            KeyRing.parse(self.apprise_keys.get_secret_value())
        except ValueError as error:
            raise ValueError(f"PULSE_APPRISE_KEYS: {error}") from None
        try:
            networks(self.apprise_private_networks)
        except ValueError as error:
            raise ValueError(f"PULSE_APPRISE_PRIVATE_NETWORKS: {error}") from None
        return self
