"""Twilio's status callbacks: verified, then read."""

from __future__ import annotations

from collections.abc import Sequence

from services.delivery.providers.base.receiver import Receiver, Report
from services.delivery.providers.twilio import status_callback
from services.delivery.providers.twilio.message_price import MessagePrices
from services.delivery.providers.twilio.signature import callback_url, is_signed
from services.delivery.rules.receipts import Price, Receipt
from shared.errors import Code, PulseError
from shared.ids import canonical_uuid

#: How Envoy passes Twilio's header on, and the query of the address that was called.
SIGNATURE = "x-twilio-signature"
QUERY = "x-pulse-query"


class StatusCallbacks(Receiver):
    """Takes those that are signed with ``auth_token`` for an address under ``public_url``; none without both."""

    answer = ("text/xml", b"<Response/>")

    def __init__(
        self, public_url: str, auth_token: str, provider: str = "twilio", prices: MessagePrices | None = None
    ) -> None:
        self._provider = provider
        self._prices = prices
        self._public_url = public_url
        self._auth_token = auth_token

    async def take(self, report: Report) -> Sequence[Receipt]:
        form = status_callback.parse_form(report.body)
        self._verify(report, form)
        receipt = status_callback.read(self._provider, report.tenant_id, report.notification_id, form)
        return [receipt] if receipt is not None and canonical_uuid(receipt.notification_id) else []

    @property
    def tells_prices(self) -> bool:
        return self._prices is not None

    async def price(self, receipt: Receipt) -> Price | None:
        return await self._prices.of(receipt) if self._prices else None

    async def close(self) -> None:
        if self._prices:
            await self._prices.close()

    def _verify(self, report: Report, form: dict[str, str]) -> None:
        """Raises UNAUTHENTICATED unless Twilio signed this form for this notification's address.

        Both the address that Pulse gave and the one that was called will do: parameters may have been added to it
        before Twilio signed it or since.
        """
        signatures = report.header(SIGNATURE)
        called = next(iter(report.header(QUERY)), "")
        urls = {
            callback_url(self._provider, self._public_url, report.tenant_id, report.notification_id, query)
            for query in ("", called)
        }
        configured = bool(self._public_url and self._auth_token)
        if not (configured and len(signatures) == 1 and any(self._signed(url, form, signatures[0]) for url in urls)):
            raise PulseError(Code.UNAUTHENTICATED, "BAD_SIGNATURE", "the callback is not signed by Twilio")

    def _signed(self, url: str, form: dict[str, str], signature: str) -> bool:
        return is_signed(self._auth_token, url, form, signature)
