"""Visits: what happens around every page: session, login, form token, errors of the API."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pulse_client import PulseError
from services.console.metrics import ConsoleMetrics
from services.console.web.forms import LARGEST_FORM, LARGEST_LOGIN, Form, FormError, read_form
from services.console.web.gateway import Gateway, LoginRequired
from services.console.web.page import Pages
from services.console.web.refusals import refusal
from services.console.web.session import COOKIE, Session, Sessions

Handler = Callable[[Request], Awaitable[Response]]

HOME = "/console"
LOGIN = "/console/login"


class Visits:
    """Makes routes of handlers, which find ``gateway``, ``session`` and, for a post, ``form`` in ``request.state``."""

    def __init__(
        self,
        gateway: Gateway,
        sessions: Sessions,
        pages: Pages,
        metrics: ConsoleMetrics,
        *,
        needs_login: bool,
        secure: bool,
    ) -> None:
        self._gateway = gateway
        self._sessions = sessions
        self._pages = pages
        self._metrics = metrics
        self._needs_login = needs_login
        self._secure = secure

    def route(self, path: str, handler: Handler, methods: Sequence[str] = ("GET",), *, is_open: bool = False) -> Route:
        """A route; ``is_open``: also for those who are not logged in."""

        async def endpoint(request: Request) -> Response:
            began, status = time.monotonic(), HTTPStatus.INTERNAL_SERVER_ERROR.value
            try:
                response = await self._visit(request, handler, is_open=is_open)
                status = response.status_code
                return response
            finally:
                self._metrics.answered(path, status, time.monotonic() - began)

        return Route(path, endpoint, methods=list(methods))

    async def _visit(self, request: Request, handler: Handler, *, is_open: bool) -> Response:
        known = self._sessions.read(request.cookies.get(COOKIE, ""))
        session = known or Session()
        request.state.session = session
        request.state.gateway = self._gateway.with_key(session.api_key)
        if self._needs_login and not session.api_key and not is_open:
            return _to_login(request)
        response = await self._answer(request, handler)
        if known is not None and request.state.session is not session:
            self._sessions.end(known)  # it was left, or its key is no longer one
        if known is None or request.state.session is not session or self._sessions.is_aging(session):
            self.remember(response, request.state.session)
        return response

    def remember(self, response: Response, session: Session) -> None:
        """Sets the session's cookie."""
        response.set_cookie(
            COOKIE, self._sessions.write(session), path=HOME, secure=self._secure, httponly=True, samesite="strict"
        )

    async def _answer(self, request: Request, handler: Handler) -> Response:
        try:
            if request.method == "POST":
                request.state.form = await self._form(request)
            return await handler(request)
        except FormError as error:
            return self._pages.failed(request, refusal("BAD_FORM", str(error), "load the page again"))
        except LoginRequired as refused:
            if not self._needs_login:
                return self._pages.failed(request, refused.error)
            request.state.session = Session()
            return _to_login(request)
        except PulseError as error:
            return self._pages.failed(request, error)

    async def _form(self, request: Request) -> Form:
        is_known = request.state.session.api_key or not self._needs_login
        form = await read_form(request, LARGEST_FORM if is_known else LARGEST_LOGIN)
        if not self._sessions.is_token(request.state.session, form.get("form_token")):
            raise FormError("the form does not belong to this session, or the session has ended")
        return form


def _to_login(request: Request) -> Response:
    """To the login page and, for a page that was asked for, back to it afterwards."""
    is_part = request.headers.get("hx-request") == "true"
    back = f"?next={quote(request.url.path)}" if request.method == "GET" and not is_part else ""
    if is_part or request.headers.get("accept") == "application/json":
        return Response(status_code=401, headers={"HX-Redirect": LOGIN})
    return RedirectResponse(LOGIN + back, status_code=303)
