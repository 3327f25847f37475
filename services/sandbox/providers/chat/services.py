"""What each chat service takes on, how it shows it, and how it answers."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from starlette.responses import JSONResponse, PlainTextResponse, Response


class Asked(NamedTuple):
    """One call."""

    path: str
    method: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: dict[str, Any]


class Message(NamedTuple):
    """As people in the room see it."""

    to: str  # the room, webhook or topic
    subject: str
    body: str


Refusal = Callable[[int | str, int | None], Response]


@dataclass(frozen=True, slots=True)
class Service:
    """One chat service; ``read`` gives a refusal for what it would not take on."""

    name: str
    host: re.Pattern[str]
    path: re.Pattern[str]
    read: Callable[[Asked], Message | Response]
    taken: Callable[[str], Response]
    refusal: Refusal


def service_at(host: str, path: str) -> Service | None:
    """Who listens there; None: nobody."""
    return next((one for one in SERVICES if one.host.fullmatch(host) and one.path.fullmatch(path)), None)


def _waiting(retry_after_s: int | None) -> dict[str, str]:
    return {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}


def _in_words(status: int | str, retry_after_s: int | None) -> Response:
    return PlainTextResponse("refused_by_the_sandbox", int(status), _waiting(retry_after_s))


def _in_json(status: int | str, retry_after_s: int | None) -> Response:
    said: dict[str, Any] = {"message": "refused by the sandbox", "code": 0}
    if retry_after_s is not None:
        said["retry_after"] = float(retry_after_s)
    return JSONResponse(said, int(status), _waiting(retry_after_s))


def _of_telegram(status: int | str, retry_after_s: int | None) -> Response:
    said: dict[str, Any] = {"ok": False, "error_code": int(status), "description": "refused by the sandbox"}
    if retry_after_s is not None:
        said["parameters"] = {"retry_after": retry_after_s}
    return JSONResponse(said, int(status))


def _of_matrix(status: int | str, retry_after_s: int | None) -> Response:
    said: dict[str, Any] = {"errcode": "M_UNKNOWN", "error": "refused by the sandbox"}
    if retry_after_s is not None:
        said |= {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": retry_after_s * 1000}
    return JSONResponse(said, int(status))


def _text(part: Mapping[str, Any], name: str) -> str:
    found = part.get(name, "")
    return found if isinstance(found, str) else ""


def _slack(asked: Asked) -> Message | Response:
    attachments = asked.body.get("attachments", [])
    parts = [one for one in attachments if isinstance(one, dict)] if isinstance(attachments, list) else []
    shown = [html.unescape("\n".join(filter(None, (_text(one, name) for one in parts)))) for name in ("title", "text")]
    body = shown[1] or html.unescape(_text(asked.body, "text"))
    if not body:
        return PlainTextResponse("no_text", 400)
    return Message(asked.path.rsplit("/", 1)[0].removeprefix("/services/"), shown[0], body)


def _shown_markdown(text: str) -> tuple[str, str]:
    """A bold first line is a title; a sign behind a backslash is a sign."""
    first, _, rest = text.partition("\n")
    titled = re.fullmatch(r"\*\*(.*)\*\*", first) if rest else None
    plain = [re.sub(r"\\([^A-Za-z0-9\s])", r"\1", one) for one in ((titled[1], rest) if titled else ("", text))]
    return plain[0], plain[1]


def _discord(asked: Asked) -> Message | Response:
    content = _text(asked.body, "content")
    if not content and not asked.body.get("embeds"):
        return JSONResponse({"message": "Cannot send an empty message", "code": 50006}, 400)
    if len(content) > 2000:
        return JSONResponse({"message": "Invalid Form Body", "code": 50035}, 400)
    return Message(asked.path.split("/")[3], *_shown_markdown(content))


def _telegram(asked: Asked) -> Message | Response:
    text, chat = _text(asked.body, "text"), asked.body.get("chat_id")
    if asked.body.get("parse_mode") == "HTML":
        if re.search(r"<(?!/?b>)", text):
            return _telegrams("can't parse entities")
        text = html.unescape(re.sub(r"</?b>", "**" if text.startswith("<b>") else "", text))
    if not text.strip() or not chat:
        return _telegrams("message text is empty" if chat else "chat_id is empty")
    subject, body = _shown_markdown(text) if text.startswith("**") else ("", text)
    if len((subject + body).encode("utf-16-le")) // 2 > 4096:
        return _telegrams("message is too long")
    return Message(str(chat), subject, body)


def _telegrams(why: str) -> Response:
    return JSONResponse({"ok": False, "error_code": 400, "description": f"Bad Request: {why}"}, 400)


def _ntfy(asked: Asked) -> Message | Response:
    topic = _text(asked.body, "topic")
    if not re.fullmatch(r"[-_A-Za-z0-9]{1,64}", topic):
        return JSONResponse({"code": 40009, "http": 400, "error": "invalid request: topic invalid"}, 400)
    return Message(topic, _text(asked.body, "title"), _text(asked.body, "message") or "triggered")


def _gotify(asked: Asked) -> Message | Response:
    if not asked.headers.get("x-gotify-key"):
        return JSONResponse({"error": "Unauthorized", "errorCode": 401, "errorDescription": "no token"}, 401)
    if not _text(asked.body, "message"):
        return JSONResponse({"error": "Bad Request", "errorCode": 400, "errorDescription": "no message"}, 400)
    return Message("gotify", _text(asked.body, "title"), _text(asked.body, "message"))


def _mattermost(asked: Asked) -> Message | Response:
    if not _text(asked.body, "text"):
        return JSONResponse({"id": "web.incoming_webhook.text.app_error", "status_code": 400}, 400)
    return Message(asked.path.rsplit("/", 1)[1], *_shown_markdown(_text(asked.body, "text")))


def _matrix(asked: Asked) -> Message | Response:
    if asked.method != "PUT" or not asked.headers.get("authorization", "").startswith("Bearer "):
        return JSONResponse({"errcode": "M_MISSING_TOKEN", "error": "Missing access token"}, 401)
    if not _text(asked.body, "body") or not asked.body.get("msgtype"):
        return JSONResponse({"errcode": "M_BAD_JSON", "error": "Missing body"}, 400)
    return Message(asked.path.split("/")[5], "", _text(asked.body, "body"))


def _teams(asked: Asked) -> Message | Response:
    try:
        blocks = asked.body["attachments"][0]["content"]["body"]
        texts = {one.get("id", ""): str(one["text"]) for one in blocks if one.get("type") == "TextBlock"}
    except (KeyError, IndexError, TypeError, AttributeError):
        return JSONResponse({"error": {"code": "TriggerInputSchemaMismatch", "message": "no card"}}, 400)
    if len(json.dumps(asked.body).encode()) > 28 * 1024:
        return JSONResponse({"error": {"code": "RequestEntityTooLarge", "message": "too large"}}, 413)
    subject, body = (re.sub(r"\\([^A-Za-z0-9\s])", r"\1", texts.get(name, "")) for name in ("title", "body"))
    return Message(asked.path.split("/workflows/")[1].split("/")[0], subject, body.replace("\n\n", "\n"))


def _ok(_provider_id: str) -> Response:
    return PlainTextResponse("ok")


def _with_id(provider_id: str) -> Response:
    return JSONResponse({"id": provider_id})


ANY_HOST = re.compile(".+")
SERVICES: Sequence[Service] = (
    Service(
        "slack",
        re.compile(r"hooks\.slack(-gov)?\.com"),
        re.compile(r"/services/T\w+/B\w+/\w+"),
        _slack,
        _ok,
        _in_words,
    ),
    Service(
        "discord",
        re.compile(r"discord(app)?\.com"),
        re.compile(r"/api/webhooks/\d+/[\w-]+"),
        _discord,
        _with_id,
        _in_json,
    ),
    Service(
        "telegram",
        re.compile(r"api\.telegram\.org"),
        re.compile(r"/bot\d+:[\w-]+/sendMessage"),
        _telegram,
        lambda provider_id: JSONResponse({"ok": True, "result": {"message_id": int(provider_id)}}),
        _of_telegram,
    ),
    Service("ntfy", ANY_HOST, re.compile("/"), _ntfy, _with_id, _in_json),
    Service("gotify", ANY_HOST, re.compile("/message"), _gotify, _with_id, _in_json),
    Service("mattermost", ANY_HOST, re.compile(r"/hooks/\w+"), _mattermost, _ok, _in_json),
    Service(
        "matrix",
        ANY_HOST,
        re.compile(r"/_matrix/client/v3/rooms/[^/]+/send/m\.room\.message/[^/]+"),
        _matrix,
        lambda provider_id: JSONResponse({"event_id": f"${provider_id}"}),
        _of_matrix,
    ),
    Service(
        "teams",
        ANY_HOST,
        re.compile(r"(/powerautomate/automations/direct)?/workflows/[\w-]+/triggers/manual/paths/invoke"),
        _teams,
        lambda _provider_id: Response(status_code=202),
        _in_json,
    ),
)
