"""Which Firebase project pushes are sent for."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from services.delivery.providers.base.settings import ProviderSettings
from shared.config import check_has_host

FCM_URL = "https://fcm.googleapis.com"


class FcmSettings(ProviderSettings):
    """Each key behind ``PULSE_``."""

    fcm_project_id: str = Field("", description="Firebase project; empty: the one that the credentials name")
    fcm_credentials_file: str = Field("", description="service account's JSON key file")
    fcm_base_url: str = Field("", description="replaces https://fcm.googleapis.com with a look-alike, no key needed")
    fcm_connections: int = Field(16, ge=1, le=500, description="calls to FCM at once")

    @model_validator(mode="after")
    def _fcm_can_be_called(self) -> Self:
        check_has_host("fcm_base_url", self.fcm_base_url)
        return self
