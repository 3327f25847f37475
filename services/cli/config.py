"""Settings of the ``pulse`` command."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, SecretStr

from shared.config import Settings


class CliSettings(Settings):
    """What the commands that call a gateway read."""

    owns: ClassVar[tuple[str, ...]] = ("CLI_", "API_")

    api_key: SecretStr = Field(SecretStr(""), description="API key that the pulse command calls the gateway with")
    cli_timeout: float = Field(10.0, gt=0, le=300, description="longest time for one call of the pulse command, s")
    cli_tls: bool = Field(False, description="whether the pulse command calls the gateway by TLS")
    cli_ca_file: str = Field("", description="authorities for TLS, PEM; empty: the system's")
