"""How Amazon SNS is reached."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from services.delivery.providers.aws.settings import REGION, AwsSettings
from shared.config import check_has_host


class SnsSettings(AwsSettings):
    """Each key behind ``PULSE_``."""

    sns_region: str = Field("", pattern=REGION, description="region of Amazon SNS; empty: no SMS through it")
    sns_sender_id: str = Field("", pattern="^[A-Za-z0-9]{0,11}$", description="sender shown where countries allow it")
    sns_base_url: str = Field("", description="replaces the region's address, for a look-alike")
    sns_connections: int = Field(16, ge=1, le=500, description="calls to SNS at once")

    @model_validator(mode="after")
    def _sns_can_be_called(self) -> Self:
        check_has_host("sns_base_url", self.sns_base_url)
        return self
