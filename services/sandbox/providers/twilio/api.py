"""Twilio: the look-alike of ``POST /2010-04-01/Accounts/{sid}/Messages.json``."""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
from collections import OrderedDict
from datetime import UTC, datetime
from email.utils import format_datetime
from hmac import compare_digest
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.sandbox.faults import Faults
from services.sandbox.http.body import read_form
from services.sandbox.http.faults import answer
from services.sandbox.providers.twilio.callbacks import Callback, StatusCallbacks
from services.sandbox.providers.twilio.twilio_errors import FAILING_FROM, FAILING_TO, refusal
from services.sandbox.receipts.log import ReceiptLog
from services.sandbox.receipts.receipt import Receipt
from shared.text.sms_segments import measure

PROVIDER = "twilio"
WHATSAPP_PROVIDER = "twilio_whatsapp"
#: What a number at WhatsApp begins with.
WHATSAPP = "whatsapp:"
#: UTF-16 code units: an emoji counts twice.
LONGEST_BODY = 1600
#: What a segment costs, in US dollars.
PRICE = 0.0079
#: So many messages can be told of later.
MOST_REMEMBERED = 10_000

E164 = re.compile(r"\+[1-9]\d{6,14}")
#: A sender may also be a short code or an alphanumeric id.
SENDER = re.compile(r"\+[1-9]\d{6,14}|\d{3,8}|(?=.*[A-Za-z])[A-Za-z0-9 &_+-]{1,11}")
SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")
CONTENT = re.compile(r"HX[0-9a-fA-F]{32}")


class Twilio:
    """Takes on SMS and WhatsApp messages as one Twilio account would."""

    def __init__(
        self, receipts: ReceiptLog, faults: Faults, auth_token: str, callbacks: StatusCallbacks | None = None
    ) -> None:
        self._receipts = receipts
        self._faults = faults
        self._auth_token = auth_token
        self._callbacks = callbacks
        #: The last messages, by their ids, as they are told of later.
        self._sent: OrderedDict[str, dict[str, object]] = OrderedDict()

    async def create_message(self, request: Request) -> Response:
        """Answers 201 with the message, or Twilio's error JSON."""
        account = request.path_params["sid"]
        token = self._token(request.headers.get("authorization", ""))
        if token is None:
            return refusal(20003)
        form = await read_form(request)
        code = _mistake(form)
        if code is not None:
            return refusal(code)

        async def accept() -> Response:
            return await self._accept(account, token, form)

        return await answer(
            request, self._faults.take(_provider(form), [form["To"].removeprefix(WHATSAPP)]), accept, refusal
        )

    async def fetch_message(self, request: Request) -> Response:
        """Answers with the message, which by then has its price, or Twilio's error JSON."""
        if self._token(request.headers.get("authorization", "")) is None:
            return refusal(20003)
        message = self._sent.get(request.path_params["message"])
        return refusal(20404) if message is None else JSONResponse(message)

    def _remember(self, message: dict[str, object]) -> None:
        cost = PRICE * int(str(message["num_segments"]))
        self._sent[str(message["sid"])] = {**message, "status": "delivered", "price": f"{-cost:.5f}"}
        while len(self._sent) > MOST_REMEMBERED:
            self._sent.popitem(last=False)

    def _token(self, header: str) -> str | None:
        """The auth token of Basic authentication (RFC 7617), None if it will not do."""
        scheme, _, encoded = header.partition(" ")
        try:
            user, colon, token = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        if scheme.lower() != "basic" or not user or not colon or not token:
            return None
        if self._auth_token and not compare_digest(token.encode(), self._auth_token.encode()):
            return None
        return token

    async def _accept(self, account: str, token: str, form: dict[str, str]) -> Response:
        sid = "SM" + secrets.token_hex(16)
        try:
            await self._receipts.keep(_receipt(form, sid))
        except OSError:
            return refusal(500)
        if self._callbacks is not None and form.get("StatusCallback"):
            self._callbacks.schedule(
                Callback(form["StatusCallback"], token, account, sid, form.get("From", ""), form["To"])
            )
        message = _message(account, sid, form)
        self._remember(message)
        return JSONResponse(message, status_code=201)


def _provider(form: dict[str, str]) -> str:
    return WHATSAPP_PROVIDER if form["To"].startswith(WHATSAPP) else PROVIDER


def _receipt(form: dict[str, str], sid: str) -> Receipt:
    """Of WhatsApp with the whole request."""
    provider, to, body = _provider(form), form["To"].removeprefix(WHATSAPP), form.get("Body", "")
    channel, whole = ("whatsapp", form) if provider == WHATSAPP_PROVIDER else ("sms", {})
    return Receipt(channel, provider, to, "", body, _notification_id(form), sid, data=whole, request=dict(form))


def _mistake(form: dict[str, str]) -> int | None:
    """The code of the first thing wrong with the form, None if it will do."""
    if form.get("From") and form["From"].startswith(WHATSAPP) != form.get("To", "").startswith(WHATSAPP):
        return 21910
    to, sender = form.get("To", "").removeprefix(WHATSAPP), form.get("From", "").removeprefix(WHATSAPP)
    callback = form.get("StatusCallback", "")
    if not to:
        return 21604
    if not sender and not form.get("MessagingServiceSid"):
        return 21603
    if not form.get("Body") and not form.get("ContentSid"):
        return 21602
    if len(form.get("Body", "").encode("utf-16-le", "replace")) // 2 > LONGEST_BODY:
        return 21617
    if E164.fullmatch(to) is None:
        return 21211
    if sender and SENDER.fullmatch(sender) is None:
        return 21212
    if form.get("MessagingServiceSid") and SERVICE.fullmatch(form["MessagingServiceSid"]) is None:
        return 21701
    if callback and not _is_web_address(callback):
        return 21609
    return _content_mistake(form) or FAILING_TO.get(to) or FAILING_FROM.get(sender)


def _content_mistake(form: dict[str, str]) -> int | None:
    """The same of a content and its variables: texts by name."""
    if form.get("ContentSid") and CONTENT.fullmatch(form["ContentSid"]) is None:
        return 21655
    try:
        variables = json.loads(form.get("ContentVariables") or "{}")
    except (ValueError, RecursionError):
        return 21656
    texts = isinstance(variables, dict) and all(isinstance(one, str) and one for one in variables.values())
    return None if texts else 21656


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _notification_id(form: dict[str, str]) -> str:
    named = parse_qs(urlsplit(form.get("StatusCallback", "")).query).get("notification_id")
    return named[0] if named else form.get("PulseNotificationId", "")


def _message(account: str, sid: str, form: dict[str, str]) -> dict[str, object]:
    now = format_datetime(datetime.now(UTC))
    uri = f"/2010-04-01/Accounts/{account}/Messages/{sid}"
    service = form.get("MessagingServiceSid")
    return {
        "account_sid": account,
        "api_version": "2010-04-01",
        "body": form.get("Body", ""),
        "date_created": now,
        "date_sent": None,
        "date_updated": now,
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": form.get("From") or None,
        "messaging_service_sid": service or None,
        "num_media": "0",
        "num_segments": str(measure(form.get("Body", "")).segments),
        "price": None,
        "price_unit": "USD",
        "sid": sid,
        "status": "accepted" if service and not form.get("From") else "queued",
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": form["To"],
        "uri": f"{uri}.json",
    }
