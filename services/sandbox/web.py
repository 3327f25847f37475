"""Web: the one HTTP application of the sandbox: page, API, and the look-alikes that speak HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from services.sandbox.api import SandboxApi, error_answer
from services.sandbox.http.body import BodyTooLarge
from services.sandbox.providers.lookalike import Lookalike
from shared.channel.styles import style_sheet
from shared.channel.table import Channel

PAGE = Path(__file__).parent / "page"

#: The page asks nobody but the sandbox.
PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def application(api: SandboxApi, lookalikes: Sequence[Lookalike]) -> Starlette:
    """The ASGI application."""
    return Starlette(
        routes=[
            *(route for lookalike in lookalikes for route in lookalike.routes()),
            *api.routes(),
            _home(lookalikes),
            Route("/channels.css", _channels, methods=["GET"]),
            _page_route("/inbox.css", "inbox.css"),
            _page_route("/inbox.js", "inbox.js"),
        ],
        exception_handlers={HTTPException: _http_error, BodyTooLarge: _too_large},
    )


def _home(lookalikes: Sequence[Lookalike]) -> Route:
    """The page, save for what is asked of a provider at the same path."""
    inbox = (PAGE / "inbox.html").read_text("utf-8").replace("<!-- channels -->", _choices())

    async def serve(request: Request) -> Response:
        for lookalike in lookalikes:
            if (answer := lookalike.at_home(request)) is not None:
                return await answer
        return HTMLResponse(inbox, headers=PAGE_HEADERS)

    return Route("/", serve, methods=["GET"])


def _choices() -> str:
    """What the page filters channels by."""
    choice = '<label><input type="radio" name="channel" value="{}"><span>{}</span></label>'
    return "\n        ".join(choice.format(channel.lower(), channel.facts.title) for channel in Channel)


async def _channels(_request: Request) -> Response:
    return Response(style_sheet(), media_type="text/css", headers=PAGE_HEADERS)


def _page_route(path: str, name: str) -> Route:
    return Route(path, _page(name), methods=["GET"])


def _page(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def serve(_request: Request) -> Response:
        return FileResponse(PAGE / name, headers=PAGE_HEADERS)

    return serve


async def _http_error(_request: Request, error: Exception) -> Response:
    code = error.status_code if isinstance(error, HTTPException) else 500
    if code == 405:
        return error_answer(405, "UNIMPLEMENTED", "this path does not take that method")
    return error_answer(code, "NOT_FOUND" if code == 404 else "UNKNOWN", "there is nothing at this path")


async def _too_large(_request: Request, error: Exception) -> Response:
    return error_answer(413, "INVALID_ARGUMENT", f"the body must have at most {error} bytes")
