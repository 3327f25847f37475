"""How the sandbox's mail server behaves."""

from __future__ import annotations

from typing import Self

from pydantic import Field, SecretStr, model_validator

from services.sandbox.providers.lookalike import LookalikeSettings


class MailSettings(LookalikeSettings):
    """Each key behind ``PULSE_``."""

    sandbox_smtp_port: int = Field(1025, ge=0, le=65535, description="SMTP; 0: any free port")
    sandbox_smtp_starttls: str = Field(
        "off", pattern="^(off|optional|required)$", description="whether SMTP offers or demands STARTTLS"
    )
    sandbox_smtps: str = Field("off", pattern="^(off|on)$", description="SMTP inside TLS on a port of its own")
    sandbox_smtps_port: int = Field(1465, ge=0, le=65535, description="that port; 0: any free port")
    sandbox_smtp_username: str = Field("", description="SMTP user who must log in; empty: SMTP asks for no login")
    sandbox_smtp_password: SecretStr = Field(SecretStr(""), description="password of the SMTP user")
    sandbox_smtp_size_limit: int = Field(
        40 * 1024 * 1024, ge=1024, le=64 * 1024 * 1024, description="largest email accepted, bytes"
    )

    @model_validator(mode="after")
    def _smtp_login_is_complete(self) -> Self:
        if bool(self.sandbox_smtp_username) != bool(self.sandbox_smtp_password.get_secret_value()):
            raise ValueError(
                "PULSE_SANDBOX_SMTP_USERNAME and PULSE_SANDBOX_SMTP_PASSWORD are set together or not at all"
            )
        return self
