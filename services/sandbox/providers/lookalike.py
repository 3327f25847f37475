"""Lookalike: what the sandbox asks of every package that stands in for providers."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.sandbox.faults import Answers, Faults
from services.sandbox.receipts.log import ReceiptLog
from shared.config import Settings

#: Gives a socket that is bound to a port, 0 meaning any free one; raises StartError if it is taken.
Bind = Callable[[int], socket.socket]


class LookalikeSettings(Settings):
    """What the settings of look-alikes begin with. All of them become one class: their names begin differently."""

    sandbox_callback_delay_ms: int = Field(
        200, ge=0, le=600_000, description="wait before each status callback and event of SES, milliseconds"
    )


@dataclass(frozen=True, slots=True)
class Parts:
    """What look-alikes are made with. ``settings`` have the fields of every look-alike's own."""

    settings: Any
    receipts: ReceiptLog
    faults: Faults

    @property
    def delay_s(self) -> float:
        """Wait before a report, s."""
        return float(self.settings.sandbox_callback_delay_ms) / 1000


class Lookalike:
    """Stands in for one provider, or for several that belong together. Nothing is open before :meth:`start`."""

    #: The providers, by the names that routes and faults have for them.
    serves: ClassVar[Mapping[str, Answers]]
    #: Where they listen: the sandbox's ``http`` port, or one of their own.
    port: ClassVar[str] = "http"
    settings: ClassVar[type[LookalikeSettings]] = LookalikeSettings

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    def routes(self) -> Sequence[Route]:
        """The paths that it answers by HTTP."""
        return ()

    def at_home(self, _request: Request) -> Awaitable[Response] | None:
        """What ``GET /`` is answered with where it is this provider that was asked; None: it was not."""
        return None

    async def start(self, bind: Bind) -> None:
        """Opens ports of its own."""

    async def stop(self) -> None:
        """Closes what it opened; the HTTP server has stopped."""

    def ports(self) -> Mapping[str, int | None]:
        """Its own ports by name; None: one that is off."""
        return {}


def data_folder(settings: Settings) -> Path:
    """Where the receipt log and the certificate are."""
    return Path(settings.home) / "data" / "sandbox"
