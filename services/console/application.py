"""Application: every address of the console and what answers it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import grpc
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from pulse_client import PulseError
from services.console.views.attachment_pages import AttachmentPages
from services.console.views.dead_letter_pages import DeadLetterPages
from services.console.views.editor.part_styles import part_styles
from services.console.views.editor.preview_pages import PreviewPages
from services.console.views.limit_pages import LimitPages
from services.console.views.notification_pages import NotificationPages
from services.console.views.overview import Overview
from services.console.views.provider_pages import ProviderPages
from services.console.views.recipient_pages import RecipientPages
from services.console.views.template_pages import TemplatePages
from services.console.web import docs
from services.console.web.headers import FOR_STATIC, CommonHeaders
from services.console.web.login import Login
from services.console.web.page import Pages
from services.console.web.session import Session
from services.console.web.visits import HOME, LOGIN, Visits
from shared.channel.styles import style_sheet

STATIC = Path(__file__).parent / "static"


def application(
    visits: Visits,
    pages: Pages,
    overview: Overview,
    notifications: NotificationPages,
    attachments: AttachmentPages,
    dead_letters: DeadLetterPages,
    recipients: RecipientPages,
    templates: TemplatePages,
    previews: PreviewPages,
    providers: ProviderPages,
    limits: LimitPages,
    login: Login,
    middleware: Sequence[Middleware] = (),
) -> Starlette:
    """The ASGI application."""
    one, template = f"{HOME}/notifications/{{notification_id}}", f"{HOME}/templates/{{name}}"
    route = visits.route
    return Starlette(
        routes=[
            Route("/healthz", _healthy),
            Route(f"{HOME}/static/channels.css", _channels),
            Mount(f"{HOME}/static", KeptFiles(directory=STATIC)),
            Route(f"{HOME}/", _home),
            route(HOME, overview.show),
            route(f"{HOME}/overview.json", overview.figures),
            route(f"{HOME}/notifications", notifications.search),
            route(one, notifications.show),
            route(f"{one}/cancel", notifications.cancel, ["POST"]),
            route(f"{one}/attachments/{{attachment_id}}", attachments.download),
            route(f"{HOME}/dead-letters", dead_letters.browse),
            route(f"{HOME}/dead-letters/replay", dead_letters.replay, ["POST"]),
            route(f"{HOME}/dead-letters/replay-all", dead_letters.replay_all, ["POST"]),
            route(f"{HOME}/recipients", recipients.show),
            route(f"{HOME}/recipients/lift", recipients.lift, ["POST"]),
            route(f"{HOME}/templates", templates.list),
            route(f"{HOME}/templates", templates.create, ["POST"]),
            route(f"{HOME}/new-template", templates.blank),
            route(f"{HOME}/new-template/text", previews.text),
            route(f"{HOME}/new-template/row", previews.row),
            route(f"{HOME}/editor", previews.again, ["POST"]),
            route(f"{HOME}/preview", previews.part, ["POST"]),
            route(f"{HOME}/preview/context", previews.context, ["POST"]),
            route(f"{HOME}/preview/pictures", previews.pictures, ["POST"]),
            route(template, templates.show),
            route(template, templates.update, ["POST"]),
            route(f"{HOME}/providers", providers.show),
            route(f"{HOME}/providers/override", providers.override, ["POST"]),
            route(f"{HOME}/providers/pause", providers.pause, ["POST"]),
            route(f"{HOME}/providers/resume", providers.resume, ["POST"]),
            route(f"{HOME}/limits", limits.list),
            route(f"{HOME}/limits", limits.set, ["POST"]),
            route(f"{HOME}/limits/delete", limits.delete, ["POST"]),
            route(LOGIN, login.show, is_open=True),
            route(LOGIN, login.enter, ["POST"], is_open=True),
            route(f"{HOME}/logout", login.leave, ["POST"]),
            *docs.routes(),
        ],
        middleware=[Middleware(CommonHeaders), *middleware],
        exception_handlers={404: NotFound(pages)},
    )


class KeptFiles(StaticFiles):
    """Scripts and styles, which a browser may keep."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(FOR_STATIC)
        return response


class NotFound:
    """Says that there is no such page, on a page."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def __call__(self, request: Request, _error: Exception) -> Response:
        request.state.session = Session()
        error = PulseError(grpc.StatusCode.NOT_FOUND, "PAGE_NOT_FOUND", "there is nothing at this address")
        return self._pages.failed(request, error, "Not found")


async def _healthy(_request: Request) -> Response:
    return PlainTextResponse("ok")


async def _channels(_request: Request) -> Response:
    return Response(style_sheet() + part_styles(), media_type="text/css", headers=FOR_STATIC)


async def _home(_request: Request) -> Response:
    return RedirectResponse(HOME)
