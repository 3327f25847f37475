"""What Apprise would send: one request, which is not sent here.

Apprise's services call ``requests``. For those that Pulse knows that name stands for :class:`_Listening`, which hands
the request over in place of sending it: Pulse's own client sends it then, once, within the call's time and to addresses
that were looked at. So the answer is Pulse's to read, too: Apprise says of it only whether all went well.
"""

from __future__ import annotations

import importlib
import logging
from typing import Any, NamedTuple, NoReturn

import requests
from apprise import AppriseAsset, NotifyFormat, NotifyType, OverflowMode

#: Nothing of Apprise's own look, no picture that others host, and nothing kept on a disk.
_ASSET = AppriseAsset(
    app_id="Pulse",
    app_desc="Pulse",
    app_url="",
    image_url_mask="",
    image_url_logo="",
    async_mode=False,
    http_redirects=False,
)


class Request(NamedTuple):
    """One request by HTTP, ready to go."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes


class CannotSpeak(ValueError):
    """Apprise makes no request of it; the text says nothing of it."""


class _Made(BaseException):
    """Carries a request out of Apprise, which catches exceptions."""

    def __init__(self, request: Request) -> None:
        self.request = request


class _Listening:
    """Stands for the module ``requests``: hands over what it is asked to send, and has the names of the rest."""

    def __getattr__(self, name: str) -> Any:
        return getattr(requests, name)

    def request(self, method: str, url: str, **said: Any) -> NoReturn:
        taken = {name: said.get(name) for name in ("params", "data", "json", "headers", "auth")}
        prepared = requests.Request(method.upper(), url, **taken).prepare()
        body = prepared.body or b""
        if not isinstance(body, str | bytes):
            raise CannotSpeak("it would send a file")
        raise _Made(
            Request(
                prepared.method or "",
                prepared.url or "",
                {name: str(value) for name, value in prepared.headers.items() if name not in _OURS},
                body.encode() if isinstance(body, str) else body,
            )
        )

    def get(self, url: str, **said: Any) -> NoReturn:
        self.request("GET", url, **said)

    def post(self, url: str, **said: Any) -> NoReturn:
        self.request("POST", url, **said)

    def put(self, url: str, **said: Any) -> NoReturn:
        self.request("PUT", url, **said)

    patch = delete = head = options = Session = property(lambda _self: _refused)  # none of those that Pulse knows


#: Headers that the client writes.
_OURS = frozenset({"Content-Length", "User-Agent", "Accept-Encoding", "Connection"})
_LISTENING = _Listening()


def _refused(*_: Any, **__: Any) -> NoReturn:
    raise CannotSpeak("it would be sent in a way of its own")


def service_class(module: str, name: str) -> Any:
    """A service of Apprise, which from now on hands its requests over."""
    logging.getLogger("apprise").disabled = True  # it logs addresses, and what is sent
    loaded = importlib.import_module(f"apprise.plugins.{module}")
    for one in (loaded, importlib.import_module(getattr(loaded, name).__module__)):
        one.requests = _LISTENING  # type: ignore[attr-defined]
    return getattr(loaded, name)


def made(service: Any, parsed: dict[str, Any]) -> Any:
    """The service that an address means, by what Apprise read in it; raises :class:`CannotSpeak`."""
    try:
        parsed.pop("format", None)  # text is text
        one = service(**{**parsed, "asset": _ASSET})
    except (TypeError, ValueError):  # Apprise's own error is a TypeError
        raise CannotSpeak("a part of it is missing, or cannot be") from None
    one.throttle = lambda *_, **__: None  # it would sleep
    return one


def request_of(service: Any, title: str, body: str, *, is_markdown: bool = False) -> Request:
    """What the service sends to say this; raises :class:`CannotSpeak`."""
    try:
        service.notify(
            body=body,
            title=title,
            notify_type=NotifyType.INFO,
            body_format=NotifyFormat.MARKDOWN if is_markdown else NotifyFormat.TEXT,
            overflow=OverflowMode.UPSTREAM,
        )
    except _Made as carried:
        return carried.request
    raise CannotSpeak("there is no request")
