"""Login: an API key for a session."""

from __future__ import annotations

import grpc
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pulse_client import PulseError, calls
from services.console.web.gateway import Gateway, LoginRequired
from services.console.web.page import Pages
from services.console.web.session import Session
from services.console.web.visits import HOME, LOGIN


class Login:
    """The form, its answer, and the way out."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def show(self, request: Request) -> Response:
        """The form."""
        return self._pages.page(request, "login.html", next=_local(request.query_params.get("next", "")))

    async def enter(self, request: Request) -> Response:
        """Begins a session for a key that the gateway knows; a new one, so that no older cookie is worth anything."""
        form = request.state.form
        key, back = form.get("api_key"), _local(form.get("next"))
        try:
            await _try(request.state.gateway.with_key(key), key)
        except LoginRequired as refused:
            return self._pages.page(request, "login.html", error=refused.error, next=back)
        except PulseError as error:
            return self._pages.page(request, "login.html", error=error, next=back)
        request.state.session = Session(key)
        return RedirectResponse(back, status_code=303)

    async def leave(self, request: Request) -> Response:
        """Ends the session in this browser."""
        request.state.session = Session()
        return RedirectResponse(LOGIN, status_code=303)


async def _try(gateway: Gateway, key: str) -> None:
    """Raises what the gateway says to a key it does not know; one that may not operate may still read."""
    if not key.isascii() or not key.isprintable():
        unknown = PulseError(grpc.StatusCode.UNAUTHENTICATED, "API_KEY_UNKNOWN", "the API key is not known")
        raise LoginRequired(unknown)
    try:
        await gateway.ask(calls.queue_depths())
    except PulseError as error:
        if error.code is not grpc.StatusCode.PERMISSION_DENIED:
            raise


def _local(path: str) -> str:
    """Where to go after the login: only to a page of this console."""
    return path if path.startswith(HOME + "/") and "//" not in path and "\\" not in path else HOME
