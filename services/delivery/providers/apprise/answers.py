"""What a chat service's answer means for a notification. Pure.

Slack: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks; Discord:
https://discord.com/developers/docs/topics/opcodes-and-status-codes; Telegram: https://core.telegram.org/bots/api#making-requests;
Matrix: https://spec.matrix.org/latest/client-server-api/#standard-error-response; ntfy: https://docs.ntfy.sh/publish/.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from typing import Any

from services.delivery.providers.base.http_answer import LONGEST_RETRY_AFTER, Answer
from services.delivery.rules.provider import Outcome, misconfigured, permanent, succeeded, transient, unanswered

_SETTING = "the destination's url"
#: A service's word for what is wrong, and nothing that it may quote.
_WORD = re.compile(r"[A-Za-z][A-Za-z_]{2,39}|[0-9]{3,6}")
#: Statuses of what was surely not taken over, and may be later.
_PASSING = frozenset({408, 425, 429, 503})
#: The credentials in the address are refused, or it leads elsewhere now.
_REFUSED = frozenset({401, 403, 407})


def classify(kind: str, answer: Answer, notification_id: str, now: dt.datetime) -> Outcome:
    """The outcome of any answer; a 5xx without Retry-After leaves open what the service did, but for 503."""
    said = _object(answer.body)
    status = answer.status
    if 200 <= status <= 299 and said.get("ok") is not False:
        return succeeded(_id(said) or notification_id)
    code = _code(answer, said)
    what = f"{kind} refused the message (HTTP {status})"
    wait = _retry_after(answer, said, now)
    if status in _PASSING or (status >= 500 and wait is not None):
        return transient(code, what, wait)
    if status >= 500:
        return unanswered(code, f"{kind} failed (HTTP {status}): it may have taken the message over")
    if status in _REFUSED or status < 200 or 300 <= status <= 399:
        return misconfigured(code, what, _SETTING)
    if status in (404, 410):
        return permanent(code, f"{what}: its room or webhook is not there any more; set {_SETTING} anew")
    return permanent(code, what)


def _code(answer: Answer, said: dict[str, Any]) -> str:
    """The service's own word, if it gives one that can only be a word."""
    text = answer.body[:64].decode("utf-8", "replace").strip()
    for word in (said.get("errcode"), said.get("code"), said.get("error"), text):
        if isinstance(word, str | int) and not isinstance(word, bool) and _WORD.fullmatch(str(word)):
            return str(word)
    return str(answer.status)


def _retry_after(answer: Answer, said: dict[str, Any], now: dt.datetime) -> float | None:
    """Seconds, from the header or from the place where the service says it."""
    header = answer.retry_after(now)
    if header is not None:
        return header
    parameters = said.get("parameters")
    in_milliseconds = said.get("retry_after_ms")
    found = said.get("retry_after", parameters.get("retry_after") if isinstance(parameters, dict) else None)
    if found is None and isinstance(in_milliseconds, int | float):
        found = in_milliseconds / 1000
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        return None
    return min(max(float(found), 0.0), LONGEST_RETRY_AFTER)


def _id(said: dict[str, Any]) -> str:
    """The message's id, where the service gives one."""
    result = said.get("result")
    inner = result.get("message_id") if isinstance(result, dict) else None
    found = said.get("event_id") or said.get("id") or inner
    return str(found)[:255] if isinstance(found, str | int) and not isinstance(found, bool) else ""


def _object(body: bytes) -> dict[str, Any]:
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}
