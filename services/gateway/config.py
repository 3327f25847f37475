"""The gateway's settings."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator

from shared.config import Settings


class GatewaySettings(Settings):
    """Keys of the front door, all behind ``PULSE_GATEWAY_``."""

    owns: ClassVar[tuple[str, ...]] = ("GATEWAY_",)

    gateway_api_keys_file: str = Field(
        "",
        description='JSON file of API keys: [{"tenant", "name", "sha256", "scopes"}]; needed with PULSE_AUTH=required',
    )
    gateway_phone_check: str = Field(
        "",
        pattern="^(form|possible|assigned)?$",
        description="how closely phone numbers are checked; empty: form in development, possible in production",
    )
    gateway_template_seconds: float = Field(
        1.0, ge=0, le=60, description="how long the newest version of a template may be remembered, s"
    )
    gateway_trace_ratio: float = Field(
        0.01, ge=0, le=1, description="share of requests that are traced if the caller does not say"
    )
    gateway_max_batch: int = Field(500, ge=1, le=1000, description="most submissions in one call to the router")
    gateway_max_waiting: int = Field(
        10_000,
        ge=1,
        le=1_000_000,
        description="most requests that may wait for the router; the next are told to come back",
    )

    @model_validator(mode="after")
    def _keys_are_somewhere(self) -> Self:
        if self.auth == "required" and not self.gateway_api_keys_file:
            raise ValueError("PULSE_AUTH=required needs PULSE_GATEWAY_API_KEYS_FILE")
        return self

    @property
    def phone_check(self) -> str:
        """What ``gateway_phone_check`` comes to in this environment."""
        return self.gateway_phone_check or ("form" if self.env == "development" else "possible")
