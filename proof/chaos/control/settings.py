"""What the control's worker is told."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from shared.config import Settings


class ControlSettings(Settings):
    """The broker's address is the one that every role of Pulse knows."""

    owns: ClassVar[tuple[str, ...]] = ("TEST_",)

    test_provider_url: str = Field("http://127.0.0.1:8025", description="a look-alike of Twilio")
