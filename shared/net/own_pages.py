"""What keeps other web pages away from a Pulse that asks nobody for a key, as on a laptop.

A page of any site can have its reader's browser send requests to this machine. The browser says from which page
(``Origin``), and a page that had its own name lead here (DNS rebinding) gives itself away by that name (``Host``).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from shared.errors import Code, PulseError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


def names(text: str) -> frozenset[str]:
    """The host names in ``text``, separated by commas."""
    return frozenset(name.strip().strip("[]").lower() for name in text.split(",") if name.strip())


class OwnPages:
    """Who may call by HTTP: pages of ``hosts`` (any, if ``*`` is among them), and of the other ``origins``."""

    def __init__(self, hosts: Collection[str], origins: Collection[str] = ()) -> None:
        self._hosts = hosts
        self._origins = origins

    def check(self, host: str, origins: Sequence[str]) -> None:
        """``host`` as in the header Host, port included, and every Origin. Raises PERMISSION_DENIED."""
        if "*" in self._hosts:
            return
        if _name_of(host) not in self._hosts:
            raise _refusal(
                "HOST_NOT_ALLOWED", "without API keys, Pulse answers only under a few names, and not this one"
            )
        for origin in origins:
            if not {"*", origin} & set(self._origins) and origin.lower().partition("://")[2] != host.lower():
                raise _refusal(
                    "ORIGIN_NOT_ALLOWED", "without API keys, Pulse takes no request from another site's page"
                )


class OwnPagesOnly:
    """ASGI middleware: answers 403 where :meth:`OwnPages.check` refuses, for paths that begin with ``prefix``."""

    def __init__(self, app: ASGIApp, own: OwnPages, prefix: str) -> None:
        self._app = app
        self._own = own
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(self._prefix):
            try:
                self._own.check("".join(_headers(scope, b"host")), _headers(scope, b"origin"))
            except PulseError as error:
                await _refuse(error, send)
                return
        await self._app(scope, receive, send)


def _headers(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


async def _refuse(error: PulseError, send: Send) -> None:
    text = f"{error.reason}: {error.message}; {error.hint}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": text})


def _refusal(reason: str, message: str) -> PulseError:
    hint = "PULSE_OPEN_HOSTS names hosts, PULSE_CORS_ORIGINS other sites; or turn keys on: PULSE_AUTH=required"
    return PulseError(Code.PERMISSION_DENIED, reason, message, hint=hint)


def _name_of(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
