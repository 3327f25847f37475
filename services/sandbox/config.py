"""Settings of the sandbox: every key has a default that suits a laptop."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from services.sandbox.providers.lookalike import LookalikeSettings
from services.sandbox.providers.registry import settings_of_all

if TYPE_CHECKING:
    _OfLookalikes = LookalikeSettings
else:
    _OfLookalikes = settings_of_all()


class SandboxSettings(_OfLookalikes):
    """What ``python -m services.sandbox`` reads from the environment, each key behind ``PULSE_``.

    Beside these are those of the look-alikes: see their packages.
    """

    owns: ClassVar[tuple[str, ...]] = ("SANDBOX_",)

    sandbox_host: str = Field("127.0.0.1", min_length=1, description="address of every port but the metrics'")
    sandbox_port: int = Field(
        8025, ge=0, le=65535, description="page, API and all look-alikes that speak HTTP; 0: any free port"
    )
    sandbox_keep: int = Field(
        50_000, ge=1, le=5_000_000, description="receipts that the API can list; the log on disk keeps all"
    )
