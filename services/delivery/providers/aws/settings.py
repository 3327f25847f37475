"""What Amazon's providers are told in common."""

from __future__ import annotations

from typing import Self

from pydantic import Field, SecretStr, model_validator

from services.delivery.providers.base.settings import ProviderSettings

REGION = "^([a-z]{2,}(-[a-z0-9]+)+)?$"

#: Keys for look-alikes, which take any.
LOOKALIKE_KEYS = {"PULSE_AWS_ACCESS_KEY_ID": "development", "PULSE_AWS_SECRET_ACCESS_KEY": "development"}


class AwsSettings(ProviderSettings):
    """Whose account."""

    aws_access_key_id: str = Field("", description="for SES and SNS; empty: AWS's own chain (environment, role, …)")
    aws_secret_access_key: SecretStr = Field(SecretStr(""), description="its secret")

    @model_validator(mode="after")
    def _aws_keys_are_two(self) -> Self:
        if bool(self.aws_access_key_id) != bool(self.aws_secret_access_key.get_secret_value()):
            raise ValueError("PULSE_AWS_ACCESS_KEY_ID and PULSE_AWS_SECRET_ACCESS_KEY are set together or not at all")
        return self


def region_url(service: str, region: str) -> str:
    """Where a service listens in a region."""
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://{service}.{region}.{domain}"
