"""The chat services that Pulse knows: how Apprise reads their addresses, and what is changed in what it would send."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from services.delivery.providers.apprise.speaking import CannotSpeak, Request, made, request_of, service_class
from shared.text.chat_texts import Texts, texts_for

#: A room of Matrix by its id: an alias would have to be asked for.
_ROOM_ID = re.compile(r"![!-~]{1,255}")


@dataclass(frozen=True, slots=True)
class Kind:
    """One service.

    ``ready`` changes Apprise's service once; ``shape`` gives what is sent, of what Apprise would send, its body read as
    JSON, and of the title and text.
    """

    name: str
    module: str
    service: str
    schemes: tuple[str, ...]
    #: What an address may say behind ``?``.
    options: frozenset[str] = frozenset()
    #: How pages of the service write such an address, if Apprise reads that.
    native: re.Pattern[str] | None = None
    #: Whether it is a way to one room by one request.
    is_one: Callable[[Any], bool] = lambda _service: True
    #: Whether texts come to it as Markdown that shows them as they are: Apprise would escape pages' addresses too.
    takes_markdown: bool = False
    ready: Callable[[Any], None] = lambda _service: None
    shape: Callable[[Request, dict[str, Any], Texts], Request] = lambda request, _body, _texts: request


class Speaker:
    """One destination, ready to be spoken to. Calls nobody."""

    def __init__(self, kind: Kind, service: Any) -> None:
        self.kind = kind
        self._service = service

    def request(self, notification_id: str, title: str, body: str) -> Request:
        """What is sent to say this; raises :class:`CannotSpeak`."""
        if self.kind.name == "matrix":  # by which its server knows a repetition
            self._service.transaction_id = notification_id
        texts = texts_for(self.kind.name, title, body)
        request = request_of(self._service, *texts, is_markdown=self.kind.takes_markdown)
        return self.kind.shape(request, _object(request.body), texts)


def speaker(url: str) -> Speaker:
    """Of an address; raises :class:`CannotSpeak`, whose text tells nothing of it."""
    kind, is_native = _kind_of(url)
    if _options(url) - kind.options:
        raise CannotSpeak(f"its options for {kind.name} are {', '.join(sorted(kind.options)) or 'none'}")
    service = service_class(kind.module, kind.service)
    try:
        parsed = service.parse_native_url(url) if is_native else service.parse_url(url)
    except (TypeError, ValueError):
        parsed = None
    if not parsed:
        raise CannotSpeak(f"it is no address of {kind.name}")
    one = made(service, parsed)
    # What Apprise cannot take for a room it leaves out, and goes by the rest.
    if len(one) != 1 or len(parsed.get("targets") or ()) > 1 or not kind.is_one(one):
        raise CannotSpeak(f"it is no way to one room of {kind.name} by one request")
    kind.ready(one)
    return Speaker(kind, one)


def _kind_of(url: str) -> tuple[Kind, bool]:
    scheme = url.partition("://")[0].lower()
    for kind in KINDS:
        if scheme in kind.schemes:
            return kind, False
        if kind.native is not None and kind.native.match(url):
            return kind, True
    raise CannotSpeak(f"it is none of {', '.join(kind.name for kind in KINDS)}")


def _options(url: str) -> set[str]:
    try:
        return {name for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)}
    except ValueError:
        raise CannotSpeak("it is no address") from None


def _object(body: bytes) -> dict[str, Any]:
    try:
        read = json.loads(body)
    except ValueError:
        read = None
    if not isinstance(read, dict):
        raise CannotSpeak("what would be sent is no JSON object")
    return read


def _with(request: Request, body: dict[str, Any], url: str = "") -> Request:
    return request._replace(
        body=json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"), url=url or request.url
    )


def _ready_slack(service: Any) -> None:
    service.include_footer = service.include_timestamp = False


def _for_slack(request: Request, body: dict[str, Any], _texts: Texts) -> Request:
    """Without previews of what is linked: the text is all that there is to see."""
    return _with(request, {**body, "unfurl_links": False, "unfurl_media": False})


def _ready_discord(service: Any) -> None:
    service.avatar = False


def _for_discord(request: Request, body: dict[str, Any], _texts: Texts) -> Request:
    """Nobody is called, whatever the text says; and it answers with the message's id."""
    body.pop("wait", None)
    more = "&" if "?" in request.url else "?"
    return _with(request, {**body, "allowed_mentions": {"parse": []}}, f"{request.url}{more}wait=true")


def _for_telegram(request: Request, body: dict[str, Any], texts: Texts) -> Request:
    """All of the text: Apprise makes several messages of what is longer as HTML than Telegram takes, though it counts
    what is seen."""
    title, text = (html.escape(one, quote=False) for one in texts)
    return _with(request, {**body, "parse_mode": "HTML", "text": f"<b>{title}</b>\n{text}" if title.strip() else text})


def _ready_matrix(service: Any) -> None:
    """It sends at once: the account is to be in the room already, and its server to be where the address says."""
    service.user_id, service.home_server = "@pulse", service.host
    service.discovery = service.e2ee = False
    service.access_token = service.password
    service._room_join = lambda room: room


def _is_one_of_matrix(service: Any) -> bool:
    has_room = len(service.rooms) == 1 and _ROOM_ID.fullmatch(service.rooms[0]) is not None
    return service.mode == "off" and not service.user and not service.users and has_room


def _ready_ntfy(service: Any) -> None:
    """What is longer would go as a file; ntfy counts the text, and Apprise its JSON."""
    service.ntfy_json_upstream_size_limit = math.inf


def _for_matrix(request: Request, body: dict[str, Any], _texts: Texts) -> Request:
    """Nobody is called, whatever the text says (Matrix 1.7, intentional mentions)."""
    return _with(request, {**body, "m.mentions": {}})


KINDS = (
    Kind(
        "slack",
        "slack",
        "NotifySlack",
        ("slack",),
        native=re.compile(r"https://hooks\.slack(-gov)?\.com/services/", re.IGNORECASE),
        is_one=lambda one: one.mode in ("hook", "gov-hook"),
        ready=_ready_slack,
        shape=_for_slack,
    ),
    Kind(
        "discord",
        "discord",
        "NotifyDiscord",
        ("discord",),
        frozenset({"thread"}),
        native=re.compile(r"https://discord(app)?\.com/api/webhooks/", re.IGNORECASE),
        ready=_ready_discord,
        shape=_for_discord,
    ),
    Kind(
        "teams",
        "workflows",
        "NotifyWorkflows",
        ("workflow", "workflows"),
        frozenset({"api-version", "sp", "sv", "sig"}),
        native=re.compile(r"https://[A-Za-z0-9_.-]+(:443)?/(powerautomate/automations/direct/|workflows/)"),
        takes_markdown=True,
    ),
    Kind(
        "telegram",
        "telegram",
        "NotifyTelegram",
        ("tgram",),
        frozenset({"topic", "thread"}),
        is_one=lambda one: len(one.targets) == 1,
        shape=_for_telegram,
    ),
    Kind(
        "matrix",
        "matrix",
        "NotifyMatrix",
        ("matrix", "matrixs"),
        is_one=_is_one_of_matrix,
        ready=_ready_matrix,
        shape=_for_matrix,
    ),
    Kind(
        "ntfy",
        "ntfy",
        "NotifyNtfy",
        ("ntfy", "ntfys"),
        frozenset({"priority"}),
        native=re.compile(r"https://ntfy\.sh/", re.IGNORECASE),
        is_one=lambda one: len(one.topics) == 1,
        ready=_ready_ntfy,
    ),
    Kind("gotify", "gotify", "NotifyGotify", ("gotify", "gotifys"), frozenset({"priority"})),
    Kind(
        "mattermost",
        "mattermost",
        "NotifyMattermost",
        ("mmost", "mmosts"),
        frozenset({"channel"}),
        is_one=lambda one: one.mode != "bot",
    ),
)
