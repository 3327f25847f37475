"""Application: every address of the console and what answers it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
from services.console.views.destination_pages import DestinationPages
from services.console.views.editor.part_styles import part_styles
from services.console.views.editor.preview_pages import PreviewPages
from services.console.views.fragment_pages import FragmentPages
from services.console.views.limit_pages import LimitPages
from services.console.views.notification_pages import NotificationPages
from services.console.views.overview import Overview
from services.console.views.provider_pages import ProviderPages
from services.console.views.recipient_pages import RecipientPages
from services.console.views.sender_pages import SenderPages
from services.console.views.template_pages import TemplatePages
from services.console.web import docs
from services.console.web.headers import FOR_STATIC, CommonHeaders
from services.console.web.login import Login
from services.console.web.page import Pages
from services.console.web.session import Session
from services.console.web.visits import HOME, LOGIN, Visits
from shared.channel.styles import style_sheet

STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True)
class Views:
    """Who answers."""

    overview: Overview
    notifications: NotificationPages
    attachments: AttachmentPages
    dead_letters: DeadLetterPages
    recipients: RecipientPages
    templates: TemplatePages
    previews: PreviewPages
    fragments: FragmentPages
    senders: SenderPages
    destinations: DestinationPages
    providers: ProviderPages
    limits: LimitPages
    login: Login


def application(visits: Visits, pages: Pages, views: Views, middleware: Sequence[Middleware] = ()) -> Starlette:
    """The ASGI application."""
    return Starlette(
        routes=[
            Route("/healthz", _healthy),
            Route(f"{HOME}/static/channels.css", _channels),
            Mount(f"{HOME}/static", KeptFiles(directory=STATIC)),
            Route(f"{HOME}/", _home),
            *_of_notifications(visits.route, views),
            *_of_templates(visits.route, views),
            *_of_fragments(visits.route, views.fragments),
            *_of_operations(visits.route, views),
            visits.route(LOGIN, views.login.show, is_open=True),
            visits.route(LOGIN, views.login.enter, ["POST"], is_open=True),
            visits.route(f"{HOME}/logout", views.login.leave, ["POST"]),
            *docs.routes(),
        ],
        middleware=[Middleware(CommonHeaders), *middleware],
        exception_handlers={404: NotFound(pages)},
    )


def _of_notifications(route: Callable[..., Route], views: Views) -> list[Route]:
    one = f"{HOME}/notifications/{{notification_id}}"
    return [
        route(HOME, views.overview.show),
        route(f"{HOME}/overview.json", views.overview.figures),
        route(f"{HOME}/notifications", views.notifications.search),
        route(one, views.notifications.show),
        route(f"{one}/cancel", views.notifications.cancel, ["POST"]),
        route(f"{one}/attachments/{{attachment_id}}", views.attachments.download),
        route(f"{HOME}/dead-letters", views.dead_letters.browse),
        route(f"{HOME}/dead-letters/replay", views.dead_letters.replay, ["POST"]),
        route(f"{HOME}/dead-letters/replay-all", views.dead_letters.replay_all, ["POST"]),
        route(f"{HOME}/recipients", views.recipients.show),
        route(f"{HOME}/recipients/lift", views.recipients.lift, ["POST"]),
    ]


def _of_templates(route: Callable[..., Route], views: Views) -> list[Route]:
    one, previews = f"{HOME}/templates/{{name}}", views.previews
    return [
        route(f"{HOME}/templates", views.templates.list),
        route(f"{HOME}/templates", views.templates.create, ["POST"]),
        route(f"{HOME}/new-template", views.templates.blank),
        route(f"{HOME}/new-template/text", previews.text),
        route(f"{HOME}/new-template/row", previews.row),
        route(f"{HOME}/editor", previews.again, ["POST"]),
        route(f"{HOME}/preview", previews.part, ["POST"]),
        route(f"{HOME}/preview/context", previews.context, ["POST"]),
        route(f"{HOME}/preview/pictures", previews.pictures, ["POST"]),
        route(one, views.templates.show),
        route(one, views.templates.update, ["POST"]),
    ]


def _of_fragments(route: Callable[..., Route], fragments: FragmentPages) -> list[Route]:
    one = f"{HOME}/fragments/{{name}}"
    return [
        route(f"{HOME}/fragments", fragments.list),
        route(f"{HOME}/fragments", fragments.create, ["POST"]),
        route(f"{HOME}/new-fragment", fragments.blank),
        route(f"{HOME}/new-fragment/text", fragments.text),
        route(f"{HOME}/fragment-editor", fragments.again, ["POST"]),
        route(one, fragments.show),
        route(one, fragments.update, ["POST"]),
        route(f"{one}/delete", fragments.delete, ["POST"]),
    ]


def _of_operations(route: Callable[..., Route], views: Views) -> list[Route]:
    return [
        route(f"{HOME}/senders", views.senders.list),
        route(f"{HOME}/senders", views.senders.set, ["POST"]),
        route(f"{HOME}/senders/delete", views.senders.delete, ["POST"]),
        route(f"{HOME}/destinations", views.destinations.list),
        route(f"{HOME}/destinations", views.destinations.set, ["POST"]),
        route(f"{HOME}/destinations/delete", views.destinations.delete, ["POST"]),
        route(f"{HOME}/providers", views.providers.show),
        route(f"{HOME}/providers/override", views.providers.override, ["POST"]),
        route(f"{HOME}/providers/pause", views.providers.pause, ["POST"]),
        route(f"{HOME}/providers/resume", views.providers.resume, ["POST"]),
        route(f"{HOME}/limits", views.limits.list),
        route(f"{HOME}/limits", views.limits.set, ["POST"]),
        route(f"{HOME}/limits/delete", views.limits.delete, ["POST"]),
    ]


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
