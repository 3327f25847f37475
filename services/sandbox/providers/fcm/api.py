"""FCM: the look-alike of ``POST /v1/projects/{project}/messages:send`` (HTTP v1)."""

from __future__ import annotations

import json
import re
import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.sandbox.faults import Faults
from services.sandbox.http.body import read_body
from services.sandbox.http.faults import answer
from services.sandbox.providers.fcm import payload
from services.sandbox.providers.fcm.fcm_errors import invalid, refusal, unauthenticated
from services.sandbox.providers.fcm.oauth import TokenEndpoint
from services.sandbox.receipts.log import ReceiptLog
from services.sandbox.receipts.receipt import Receipt

PROVIDER = "fcm"

#: Exactly one of these says whom a push is for.
TARGETS = ("token", "fid", "topic", "condition")
TOKEN = re.compile(r"[A-Za-z0-9_:.\-]{1,4096}")
#: Device tokens that begin so belong to an app that was removed.
STALE = "unregistered"


class Fcm:
    """Takes on pushes as any one Firebase project would."""

    def __init__(self, receipts: ReceiptLog, faults: Faults, tokens: TokenEndpoint) -> None:
        self._receipts = receipts
        self._faults = faults
        self._tokens = tokens

    async def send(self, request: Request) -> Response:
        """Answers the push's name, or Google's error JSON."""
        if not self._tokens.accepts(request.headers.get("authorization", "")):
            return unauthenticated()
        try:
            body = json.loads(await read_body(request))
        except (ValueError, RecursionError):
            return invalid("", "Invalid JSON payload received.")
        push: Any = body.get("message") if isinstance(body, dict) else None
        mistake = _mistake(push)
        if mistake is not None:
            return mistake
        name = f"projects/{request.path_params['project']}/messages/{secrets.token_hex(12)}"
        only_checked = body.get("validate_only") is True

        async def accept() -> Response:
            return await self._accept(name, push, only_checked)

        return await answer(request, self._faults.take(PROVIDER, [recipient(push)]), accept, refusal)

    async def _accept(self, name: str, push: dict[str, Any], only_checked: bool) -> Response:
        to = recipient(push)
        if push.get("token", push.get("fid", "")).startswith(STALE):
            return refusal("UNREGISTERED")
        if not only_checked:
            shown = push.get("notification", {})
            data = push.get("data", {})
            body = shown.get("body") or data.get("body", "")
            title = shown.get("title") or data.get("title", "")
            id_ = data.get("notification_id", "")
            receipt = Receipt("push", PROVIDER, to, title, body, id_, name, data=data, request=push)
            try:
                await self._receipts.keep(receipt)
            except OSError:
                return refusal("UNAVAILABLE")
        return JSONResponse({"name": name})


def recipient(push: dict[str, Any]) -> str:
    """A device token or installation id as it is; ``/topics/<name>``; or a condition."""
    kind = next(target for target in TARGETS if target in push)
    return f"/topics/{push[kind]}" if kind == "topic" else str(push[kind])


def _mistake(push: Any) -> Response | None:
    """The refusal that the first thing wrong with the push asks for, None if it will do."""
    if not isinstance(push, dict):
        return invalid("message", "Field 'message' is required and must be an object.")
    targets = [target for target in TARGETS if push.get(target)]
    if len(targets) != 1 or any(target in push and target not in targets for target in TARGETS):
        return invalid("message", "Exactly one of token, fid, topic or condition must be set.")
    if not isinstance(push[targets[0]], str):
        return invalid(f"message.{targets[0]}", "Must be text.")
    if targets[0] in ("token", "fid") and TOKEN.fullmatch(push[targets[0]]) is None:
        return invalid(f"message.{targets[0]}", "The registration token is not a valid FCM registration token")
    return payload.mistake(push)
