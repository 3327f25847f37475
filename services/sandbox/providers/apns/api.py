"""APNs: the look-alike of ``POST /3/device/{token}``, by HTTP/2."""

from __future__ import annotations

import re
import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.sandbox.faults import Faults
from services.sandbox.http.body import BodyTooLarge, read_body
from services.sandbox.http.faults import answer
from services.sandbox.providers.apns import payload as payloads
from services.sandbox.providers.apns.apns_errors import refusal
from services.sandbox.providers.apns.provider_token import ProviderTokens
from services.sandbox.receipts.log import ReceiptLog
from services.sandbox.receipts.receipt import Receipt

PROVIDER = "apns"

TOKEN = re.compile(r"([0-9a-fA-F]{2}){32,100}")
#: Device tokens that begin so belong to an app that was removed, to another app, or have ended.
STALE = {"dead": "Unregistered", "dea1": "ExpiredToken", "bad0": "BadDeviceToken", "bad1": "DeviceTokenNotForTopic"}


class Api:
    """Takes on pushes as Apple does."""

    def __init__(self, receipts: ReceiptLog, faults: Faults, tokens: ProviderTokens) -> None:
        self._receipts = receipts
        self._faults = faults
        self._tokens = tokens

    async def send(self, request: Request) -> Response:
        """200 with the push's id, or Apple's error JSON; 505 for HTTP/1.1, which Apple does not speak."""
        if request.scope["http_version"] != "2":
            return JSONResponse({"reason": "HTTP/2 is needed"}, status_code=505)
        to = request.path_params["token"]
        asked = dict(request.headers)
        mistake = self._tokens.mistake(asked.get("authorization", "")) or _mistake_in_token(to)
        mistake = mistake or payloads.mistake_in_headers(asked)
        if mistake:
            return refusal(mistake)
        try:
            body = await read_body(request, payloads.LARGEST)
        except BodyTooLarge:
            return refusal("PayloadTooLarge")
        push = payloads.read(body)
        if push is None:
            return refusal("PayloadEmpty")

        async def accept() -> Response:
            return await self._accept(to, asked, push)

        return await answer(request, self._faults.take(PROVIDER, [to]), accept, refusal)

    async def _accept(self, to: str, asked: dict[str, str], push: dict[str, Any]) -> Response:
        apns_id = asked.get("apns-id") or str(uuid.uuid4()).upper()
        title, body = payloads.texts(push)
        told = {name: value for name, value in asked.items() if name.startswith("apns-")}
        data = {name: str(value) for name, value in push.items() if name != "aps"}
        id_ = data.get("notification_id", "")
        request = {"headers": told, "payload": push}
        receipt = Receipt("push", PROVIDER, to, title, body, id_, apns_id, data=data, request=request)
        try:
            await self._receipts.keep(receipt)
        except OSError:
            return refusal("InternalServerError")
        return Response(status_code=200, headers={"apns-id": apns_id})


def _mistake_in_token(to: str) -> str:
    if not to:
        return "MissingDeviceToken"
    if not TOKEN.fullmatch(to):
        return "BadDeviceToken"
    return next((reason for start, reason in STALE.items() if to.lower().startswith(start)), "")
