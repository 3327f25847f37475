"""What Twilio charges for a message: it stands in the message itself, some time after it was sent."""

from __future__ import annotations

import json
import re
import time
from decimal import Decimal, InvalidOperation
from typing import Any

from services.delivery.providers.base.call import calling
from services.delivery.providers.base.http_client import HttpClient
from services.delivery.providers.twilio.transport import basic
from services.delivery.rules.receipts import Price, Receipt

#: Longest question, s.
_SECONDS = 10.0
_CONNECTIONS = 4
_SID = re.compile(r"[A-Za-z0-9]{1,64}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_DECIMALS = 9


class MessagePrices:
    """Asks one account for its messages."""

    def __init__(self, account_sid: str, auth_token: str, base_url: str, channel: str) -> None:
        self._account_sid = account_sid
        self._channel = channel
        self._headers = {"Authorization": basic(account_sid, auth_token)}
        self._http = HttpClient(base_url, _CONNECTIONS)

    async def of(self, receipt: Receipt) -> Price | None:
        """None where Twilio does not say it yet. Raises OSError and TimeoutError."""
        if not _SID.fullmatch(receipt.provider_message_id):
            return None
        target = f"/2010-04-01/Accounts/{self._account_sid}/Messages/{receipt.provider_message_id}.json"
        with calling(time.monotonic() + _SECONDS) as call:
            answer = await self._http.request(call, "GET", target, self._headers, b"")
        found = read(answer.body) if answer.status == 200 else None
        if found is None:
            return None
        return Price(
            receipt.tenant_id,
            receipt.notification_id,
            receipt.provider,
            receipt.provider_message_id,
            self._channel,
            *found,
        )

    async def close(self) -> None:
        """Hangs up."""
        await self._http.close()


def read(message: bytes) -> tuple[str, str] | None:
    """Amount and currency in a message; None where they are not there, or are none. Charges stand there below zero."""
    try:
        fields: Any = json.loads(message, parse_float=Decimal)
        amount = abs(Decimal(fields["price"]))
        currency = fields["price_unit"].upper()
    except (ValueError, TypeError, KeyError, AttributeError, InvalidOperation, RecursionError):
        return None
    if not amount.is_finite() or amount >= 1_000_000 or not _CURRENCY.fullmatch(currency):
        return None
    text = f"{round(amount, _DECIMALS):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text, currency
