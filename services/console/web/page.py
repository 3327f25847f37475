"""Pages: templates filled in, for one request."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from pulse_client import PulseError
from pulse_client.enums import Channel, Priority, Status
from services.console.config import ConsoleSettings
from services.console.web import formats
from services.console.web.session import Session, Sessions

FOLDER = Path(__file__).parents[1] / "templates"

#: gRPC code -> HTTP status of a page that shows it; what is not here is 502.
HTTP_STATUS: Mapping[str, int] = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 409,
    "ALREADY_EXISTS": 409,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}


class Pages:
    """Renders. Every page knows its session's form token and whether there is a login to leave."""

    def __init__(self, settings: ConsoleSettings, sessions: Sessions) -> None:
        self._sessions = sessions
        self._environment = Environment(
            loader=FileSystemLoader(FOLDER),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters.update(
            moment=formats.moment,
            length=formats.length,
            number=formats.number,
            short_id=formats.short_id,
            code_points=formats.code_points,
            words=formats.words,
            happening=formats.happening,
        )
        self._environment.globals.update(
            channels=_said(Channel),
            statuses=_said(Status),
            priorities=_said(Priority),
            development=settings.env == "development",
            needs_login=settings.auth == "required",
            sandbox_url=settings.console_sandbox_url,
            jaeger_url=settings.console_jaeger_url.rstrip("/"),
        )

    def page(
        self,
        request: Request,
        name: str,
        *,
        error: PulseError | None = None,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
        problems: Mapping[str, str] | None = None,
        **values: Any,
    ) -> Response:
        """The template ``name``; ``error`` is shown above its content and sets the status, unless ``status`` does.

        ``problems`` are shown at the fields they name, as is what ``error`` says of the API's ``fields``; an error of
        which nothing else is left to say is not shown above.
        """
        status = status or (status_of(error) if error or not problems else HTTPStatus.BAD_REQUEST)
        found = _at_fields(error, fields or {})
        said_there = error is not None and len(found) == len(error.violations) > 0
        text = self.text(
            request,
            name,
            error=None if said_there else error,
            problems={**(problems or {}), **found},
            **values,
        )
        return HTMLResponse(text, status, headers)

    def text(self, request: Request, name: str, **values: Any) -> str:
        """The template ``name``, filled in."""
        session: Session = request.state.session
        token = self._sessions.token(session)
        return self._environment.get_template(name).render(path=request.url.path, form_token=token, **values)

    def part(self, request: Request, name: str, **values: Any) -> Response:
        """A fragment that replaces part of a page; what went wrong is its content, not its status."""
        return self.page(request, name, status=HTTPStatus.OK, **values)

    def failed(self, request: Request, error: PulseError, title: str = "That did not work") -> Response:
        """A page with nothing but the error."""
        return self.page(request, "failed.html", error=error, title=title)


def status_of(error: PulseError | None) -> int:
    """The HTTP status that says the same as an error of the API; 200 for None."""
    return HTTP_STATUS.get(error.code.name, HTTPStatus.BAD_GATEWAY) if error else HTTPStatus.OK


def _at_fields(error: PulseError | None, fields: Mapping[str, str]) -> Mapping[str, str]:
    violations = error.violations if error else ()
    return {fields[said.field]: said.description for said in violations if said.field in fields}


def _said(kind: type[Any]) -> list[str]:
    return [member.value for member in kind if member.value != "UNSPECIFIED"]
