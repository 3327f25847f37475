"""Receiver: takes what a provider reports of notifications, by a request to Pulse's public address."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from services.delivery.rules.receipts import Price, Receipt


@dataclass(frozen=True, slots=True)
class Report:
    """One request of a provider's, as it came."""

    body: bytes
    #: From the address that was called; empty where that names none.
    tenant_id: str = ""
    notification_id: str = ""
    #: Its headers, as gRPC metadata: names in lower case.
    headers: Sequence[tuple[str, str]] = ()

    def header(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key == name]


class Receiver(ABC):
    """Verifies and reads reports."""

    #: What a report that was taken is answered with: media type and body.
    answer: ClassVar[tuple[str, bytes]] = ("text/plain", b"")

    @abstractmethod
    async def take(self, report: Report) -> Sequence[Receipt]:
        """What a report says of notifications; nothing, if it says nothing that Pulse does not know.

        Raises UNAUTHENTICATED or PERMISSION_DENIED for one that is not the provider's, and INVALID_ARGUMENT for one
        that cannot be read.
        """

    async def price(self, receipt: Receipt) -> Price | None:
        """What the provider charges for what a receipt is about; None: it does not say so, or not yet.

        Raises OSError or TimeoutError where it cannot be asked.
        """
        return None

    @property
    def tells_prices(self) -> bool:
        """Whether it ever does."""
        return False

    async def close(self) -> None:  # noqa: B027 -- most have nothing open
        """Hangs up."""
