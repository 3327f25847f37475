"""Settings of a local run."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, field_validator

from services.local.envoy import cors
from shared.config import Settings


class LocalSettings(Settings):
    """What ``pulse up`` and its neighbours read; everything else is handed on to the roles."""

    owns: ClassVar[tuple[str, ...]] = ("LOCAL_", "CORS_")

    local_tls: bool = Field(
        False, description="whether a local run's roles call each other by mutual TLS, with certificates of its own"
    )
    cors_origins: str = Field(
        "", description="origins of web pages that may call the REST API, by commas: https://app.example.com; *: any"
    )
    sandbox_port: int = Field(8025, ge=0, le=65535, description="the sandbox's page and API; 0: any free port")
    sandbox_smtp_port: int = Field(0, ge=0, le=65535, description="the sandbox's SMTP; 0: any free port")

    @field_validator("cors_origins")
    @classmethod
    def _origins_are_origins(cls, text: str) -> str:
        cors.origins(text)
        return text
