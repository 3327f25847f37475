"""Webhook: a receiver of Pulse's own webhooks, which verifies them by https://www.standardwebhooks.com."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.sandbox.faults import Faults
from services.sandbox.http.body import read_body
from services.sandbox.http.faults import answer
from services.sandbox.providers.webhook.signature import is_signed, key_of
from services.sandbox.receipts.log import ReceiptLog
from services.sandbox.receipts.receipt import Receipt
from shared.channel.table import Channel

PROVIDER = "webhook"
#: So many ids are remembered, to know a repetition.
REMEMBERED = 100_000


class WebhookReceiver:
    """Keeps what is signed; a repetition is answered as the first was, and kept once.

    Without a secret any signature of the right form will do.
    """

    def __init__(
        self, receipts: ReceiptLog, faults: Faults, secret: str, now_s: Callable[[], float] = time.time
    ) -> None:
        self._receipts = receipts
        self._faults = faults
        self._key = key_of(secret) if secret else b""
        self._now_s = now_s
        self._seen: OrderedDict[str, None] = OrderedDict()

    async def receive(self, request: Request) -> Response:
        """204; 401 for a signature that does not fit, 400 for a body that is none."""
        body = await read_body(request)
        if not is_signed(request.headers, body, self._key, self._now_s()):
            return refusal(401)
        notification = _read(body)
        if notification is None:
            return refusal(400)
        webhook_id = request.headers["webhook-id"]

        async def accept() -> Response:
            return await self._accept(webhook_id, notification)

        return await answer(request, self._faults.take(PROVIDER, [notification["to"]]), accept, refusal)

    async def _accept(self, webhook_id: str, notification: dict[str, Any]) -> Response:
        if webhook_id not in self._seen:
            receipt = Receipt(
                notification["channel"].lower(),
                PROVIDER,
                notification["to"],
                notification["subject"],
                notification["body"],
                notification["notification_id"],
                webhook_id,
                notification["html_body"],
                request=notification,
            )
            try:
                await self._receipts.keep(receipt)
            except OSError:
                return refusal(500)
            self._seen[webhook_id] = None
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
        return Response(status_code=204)


def refusal(status: int | str, retry_after_s: int | None = None) -> Response:
    """An error; only its status and Retry-After say anything."""
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    return JSONResponse({"error": "refused by the sandbox"}, status_code=int(status), headers=headers)


def _read(body: bytes) -> dict[str, Any] | None:
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        return None
    texts = ("notification_id", "channel", "to", "subject", "body", "html_body")
    if not isinstance(given, dict) or not all(isinstance(given.get(name), str) for name in texts):
        return None
    return given if Channel.named(given["channel"]) else None
