"""Login: an API key for a session."""

from __future__ import annotations

import grpc
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pulse_client import PulseError
from pulse_client.calls import queue_depths
from services.console.web import calls
from services.console.web.calls import NO_KEY, SessionKey
from services.console.web.gateway import Gateway, LoginRequired
from services.console.web.page import Pages
from services.console.web.session import Session
from services.console.web.visits import HOME, LOGIN
from shared.observe.logs import logger

log = logger(__name__)

#: A gateway of the release before, or a key that no session can be begun by: a session's own, or one of a file under a
#: name that no key of the ledger may have.
_NO_SESSIONS = (
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.INVALID_ARGUMENT,
)


class Login:
    """The form, its answer, and the way out."""

    def __init__(self, pages: Pages, lifetime_s: float) -> None:
        self._pages = pages
        self._lifetime_s = lifetime_s

    async def show(self, request: Request) -> Response:
        """The form."""
        return self._form(request, _local(request.query_params.get("next", "")))

    async def enter(self, request: Request) -> Response:
        """Begins a session for a key that the gateway knows; a new one, so that no older cookie is worth anything."""
        form = request.state.form
        key, back = form.get("api_key"), _local(form.get("next"))
        gateway = request.state.gateway.with_key(key)
        try:
            await _try(gateway, key)
            session_key = await self._begin(gateway)
        except LoginRequired as refused:
            return self._form(request, back, error=refused.error)
        except PulseError as error:
            return self._form(request, back, error=error)
        request.state.session = Session(session_key, key)
        return RedirectResponse(back, status_code=303)

    async def leave(self, request: Request) -> Response:
        """Ends the session, in this browser and for whoever has a copy of its cookie."""
        session: Session = request.state.session
        request.state.session = Session()
        if session.key.key_id:
            try:
                await request.state.gateway.ask(calls.end_session(session.key.key_id))
            except LoginRequired:
                pass  # it has ended already
            except PulseError as error:
                log.warning("a session's key is not revoked", key_id=session.key.key_id, reason=error.reason)
                return self._form(request, HOME, error=error, kept=session.key.key_id)
        return RedirectResponse(LOGIN, status_code=303)

    def _form(self, request: Request, back: str, error: PulseError | None = None, kept: str = "") -> Response:
        """``kept``: the key of a session that could not be ended."""
        return self._pages.page(request, "login.html", error=error, next=back, kept=kept)

    async def _begin(self, gateway: Gateway) -> SessionKey:
        """A key for this login; none where the gateway makes none by such a key: the login goes by that itself."""
        try:
            return await gateway.ask(calls.begin_session(self._lifetime_s))
        except PulseError as error:
            if error.code in _NO_SESSIONS:
                return NO_KEY
            raise


async def _try(gateway: Gateway, key: str) -> None:
    """Raises what the gateway says to a key it does not know; one that may not operate may still read."""
    if not key.isascii() or not key.isprintable():
        unknown = PulseError(grpc.StatusCode.UNAUTHENTICATED, "API_KEY_UNKNOWN", "the API key is not known")
        raise LoginRequired(unknown)
    try:
        await gateway.ask(queue_depths())
    except PulseError as error:
        if error.code is not grpc.StatusCode.PERMISSION_DENIED:
            raise


def _local(path: str) -> str:
    """Where to go after the login: only to a page of this console."""
    return path if path.startswith(HOME + "/") and "//" not in path and "\\" not in path else HOME
