"""A push service's part of Web Push: RFC 8030 with RFC 8291 and RFC 8292."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.sandbox.faults import Faults
from services.sandbox.http.body import BodyTooLarge, read_body
from services.sandbox.http.faults import answer
from services.sandbox.providers.webpush.browser import Browser
from services.sandbox.providers.webpush.vapid import NotVouched, Sender, sender
from services.sandbox.receipts.log import ReceiptLog
from services.sandbox.receipts.receipt import Receipt

PROVIDER = "webpush"
#: Bytes of what is encrypted, that every push service must take (RFC 8030, section 7.2).
LARGEST = 4096
#: Browsers whose name begins so have ended their subscription.
STALE = "unregistered"

_TOLD = ("ttl", "urgency", "topic", "content-encoding", "content-type")


class PushService:
    """Keeps what a browser can read, as its page's service worker would."""

    def __init__(self, receipts: ReceiptLog, faults: Faults, now_s: Callable[[], float] = time.time) -> None:
        self._receipts = receipts
        self._faults = faults
        self._now_s = now_s

    async def subscribe(self, request: Request) -> Response:
        """``GET /webpush/subscriptions/{name}?key=…``: what a page gets where it subscribes with that public key.

        Without a key, pushes of any sender are taken.
        """
        name, key = request.path_params["name"], request.query_params.get("key", "")
        endpoint = f"{_origin(request)}/webpush/{name}" + (f"/{key}" if key else "")
        return JSONResponse(Browser(name).subscription(endpoint))

    async def push(self, request: Request) -> Response:
        """201 with the push's address; RFC 8030's and RFC 8292's refusals else."""
        try:
            who = sender(request.headers.get("authorization", ""), _origin(request), self._now_s())
        except NotVouched as error:
            return refusal(403 if "authorization" in request.headers else 401, None, str(error))
        if request.path_params.get("key", who.key) != who.key:
            return refusal(403, None, "the subscription is for another sender")
        mistake = _mistake(request)
        if mistake:
            return refusal(400, None, mistake)
        try:
            body = await read_body(request, LARGEST)
        except BodyTooLarge:
            return refusal(413)
        name = request.path_params["name"]
        try:
            text = Browser(name).read(body)
        except ValueError as error:
            return refusal(400, None, str(error))

        async def accept() -> Response:
            return await self._accept(request, who, text)

        return await answer(request, self._faults.take(PROVIDER, [str(request.url)]), accept, refusal)

    async def _accept(self, request: Request, who: Sender, text: bytes) -> Response:
        if request.path_params["name"].startswith(STALE):
            return refusal(410)
        told = _message(text)
        shown, data = _part(told, "notification"), _part(told, "data")
        id_ = secrets.token_hex(16)
        receipt = Receipt(
            "push",
            PROVIDER,
            str(request.url),
            str(shown.get("title", "")),
            str(shown.get("body", "")),
            str(data.get("notification_id", "")),
            id_,
            data={name: str(value) for name, value in data.items()},
            request={
                "headers": {name: request.headers[name] for name in _TOLD if name in request.headers},
                "vapid": {"key": who.key, **who.claims},
                "message": told,
            },
        )
        try:
            await self._receipts.keep(receipt)
        except OSError:
            return refusal(500)
        location = f"{_origin(request)}/webpush/messages/{id_}"
        return Response(status_code=201, headers={"Location": location, "TTL": request.headers["ttl"]})


def refusal(status: int | str, retry_after_s: int | None = None, why: str = "refused by the sandbox") -> Response:
    """An error; its text is for whoever reads along."""
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    return JSONResponse({"code": int(status), "message": why}, status_code=int(status), headers=headers)


def _origin(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}"


def _mistake(request: Request) -> str:
    """What is wrong with the headers; empty: nothing."""
    given = request.headers
    if not re.fullmatch(r"\d{1,10}", given.get("ttl", "")):
        return "TTL is needed, in seconds"
    if given.get("content-encoding") != "aes128gcm":
        return "Content-Encoding must be aes128gcm"
    if given.get("urgency", "normal") not in ("very-low", "low", "normal", "high"):
        return "Urgency is very-low, low, normal or high"
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", given.get("topic", "t")):
        return "Topic has at most 32 characters of base64url"
    return ""


def _message(text: bytes) -> Any:
    """The JSON that it is, or else the text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text.decode("utf-8", "replace")


def _part(told: Any, name: str) -> dict[str, Any]:
    part = told.get(name) if isinstance(told, dict) else None
    return part if isinstance(part, dict) else {}
