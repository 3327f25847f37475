"""Headers that tell the browser what a page may do: ask nobody but the console, and be framed by nobody."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_CONTENT = "Content-Security-Policy"
_POLICY = (
    "default-src 'self'; style-src 'self'{styles}; img-src 'self' data:; worker-src 'self'{workers}; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

COMMON: Mapping[str, str] = {
    _CONTENT: _POLICY.format(styles="", workers=""),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Tells other sites nothing; with "no-referrer" forms of our own would come from nowhere ("Origin: null").
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
#: A template's HTML is shown in a frame without scripts, which takes over this policy and has styles of its own.
WITH_STYLES: Mapping[str, str] = {_CONTENT: _POLICY.format(styles=" 'unsafe-inline'", workers="")}
#: Swagger UI and ReDoc write styles into the page, and ReDoc searches in a worker.
FOR_DOCS: Mapping[str, str] = {_CONTENT: _POLICY.format(styles=" 'unsafe-inline'", workers=" blob:")}
#: Scripts and styles: kept for an hour, then asked for again.
FOR_STATIC: Mapping[str, str] = {"Cache-Control": "public, max-age=3600"}


class CommonHeaders:
    """ASGI middleware: adds :data:`COMMON` to every response, where it does not say otherwise itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in COMMON.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)
