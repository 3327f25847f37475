"""Settings of the sandbox: every key has a default that suits a laptop."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, SecretStr, model_validator

from services.sandbox.webhook.signature import key_of
from shared.config import Settings


class SandboxSettings(Settings):
    """What ``python -m services.sandbox`` reads from the environment, each key behind ``PULSE_``."""

    owns: ClassVar[tuple[str, ...]] = ("SANDBOX_",)

    sandbox_host: str = Field("127.0.0.1", min_length=1, description="address of every port but the metrics'")
    sandbox_port: int = Field(
        8025, ge=0, le=65535, description="page, API and all look-alikes that speak HTTP; 0: any free port"
    )
    sandbox_smtp_port: int = Field(1025, ge=0, le=65535, description="SMTP; 0: any free port")
    sandbox_smtp_starttls: str = Field(
        "off", pattern="^(off|optional|required)$", description="whether SMTP offers or demands STARTTLS"
    )
    sandbox_smtps: str = Field("off", pattern="^(off|on)$", description="SMTP inside TLS on a port of its own")
    sandbox_smtps_port: int = Field(1465, ge=0, le=65535, description="that port; 0: any free port")
    sandbox_smtp_username: str = Field("", description="SMTP user who must log in; empty: SMTP asks for no login")
    sandbox_smtp_password: SecretStr = Field(SecretStr(""), description="password of the SMTP user")
    sandbox_smtp_size_limit: int = Field(
        10 * 1024 * 1024, ge=1024, le=64 * 1024 * 1024, description="largest email accepted, bytes"
    )
    sandbox_twilio_auth_token: SecretStr = Field(
        SecretStr(""), description="the only Twilio auth token accepted; empty: any, and it signs its own callbacks"
    )
    sandbox_webhook_secret: SecretStr = Field(
        SecretStr(""), description="whsec_… that webhooks must be signed with; empty: any signature will do"
    )
    sandbox_callbacks: str = Field("off", pattern="^(off|on)$", description="whether Twilio status callbacks are sent")
    sandbox_callback_delay_ms: int = Field(
        200, ge=0, le=600_000, description="wait before each status callback and event of SES, milliseconds"
    )
    sandbox_keep: int = Field(
        50_000, ge=1, le=5_000_000, description="receipts that the API can list; the log on disk keeps all"
    )

    @model_validator(mode="after")
    def _webhook_secret_is_one(self) -> Self:
        secret = self.sandbox_webhook_secret.get_secret_value()
        if secret:
            key_of(secret)
        return self

    @model_validator(mode="after")
    def _login_is_complete(self) -> Self:
        if bool(self.sandbox_smtp_username) != bool(self.sandbox_smtp_password.get_secret_value()):
            raise ValueError(
                "PULSE_SANDBOX_SMTP_USERNAME and PULSE_SANDBOX_SMTP_PASSWORD are set together or not at all"
            )
        return self
