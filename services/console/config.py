"""Settings of the console."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, SecretStr

from shared.config import Settings

#: An http(s) address without a path's end to trip over, or nothing.
URL = r"^(https?://[^\s]+)?$"


class ConsoleSettings(Settings):
    """What ``python -m services.console`` reads from the environment, each key behind ``PULSE_``."""

    owns: ClassVar[tuple[str, ...]] = ("CONSOLE_",)

    console_host: str = Field("127.0.0.1", min_length=1, description="address the console serves HTTP on")
    console_port: int = Field(8080, ge=0, le=65535, description="port the console serves HTTP on; 0: any free port")
    console_secret: SecretStr = Field(
        SecretStr(""),
        description="seals sessions; one for all replicas; empty: made up at start, so that a restart ends them",
    )
    console_session_hours: float = Field(12, gt=0, le=720, description="how long a login lasts, hours")
    console_idle_minutes: float = Field(
        30, gt=0, le=1440, description="a session that no page was looked at in for so long ends, minutes"
    )
    console_jaeger_url: str = Field(
        "", pattern=URL, description="Jaeger's page, which trace ids link to; empty: no links"
    )
    console_sandbox_url: str = Field("", pattern=URL, description="the sandbox's page; empty: no link")
