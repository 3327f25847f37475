"""Pages of notifications: searching them, and the timeline of one."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pulse_client import PulseError
from pulse_client import calls as client_calls
from pulse_client.calls import Filters
from pulse_client.models import Decision, Notification
from services.console.web import calls
from services.console.web.calls import Page
from services.console.web.page import Pages
from services.console.web.refusals import refusal
from services.console.web.search import Search
from shared.ids import canonical_uuid

PAGE_SIZE = 50


class NotificationPages:
    """Lists, shows and takes back."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def search(self, request: Request) -> Response:
        """Notifications that match, newest first; a whole id leads to its own page."""
        search = Search.of(request.query_params, ("q", "user_id", "status", "channel", "template"))
        if (wanted := canonical_uuid(search["q"])) is not None:
            return _to(request, f"/console/notifications/{wanted}")
        found, error = await self._find(request, search)
        return self._pages.page(request, "notifications.html", error=error, found=found, search=search)

    async def show(self, request: Request) -> Response:
        """One notification and all that happened to it."""
        call = client_calls.get(request.path_params["notification_id"])
        notification = await request.state.gateway.ask(call)
        return self._one(request, notification)

    async def cancel(self, request: Request) -> Response:
        """Takes it back, then shows it; what the gateway has against it is shown with it."""
        notification_id = request.path_params["notification_id"]
        gateway = request.state.gateway
        error = None
        try:
            await gateway.ask(client_calls.cancel(notification_id))
        except PulseError as refusal:
            error = refusal
        notification = await gateway.ask(client_calls.get(notification_id))
        return self._one(request, notification, error)

    def _one(self, request: Request, notification: Notification, error: PulseError | None = None) -> Response:
        found = {rule: _decided(notification, rule) for rule in ("content", "sms")}
        return self._pages.page(request, "notification.html", n=notification, error=error, decided=found)

    async def _find(self, request: Request, search: Search) -> tuple[Page[object], PulseError | None]:
        filters = Filters(user_id=search["user_id"] or search["q"], template=search["template"], page_size=PAGE_SIZE)
        filters["status"], filters["channel"] = search["status"], search["channel"]
        try:
            return await request.state.gateway.ask(calls.notifications(search.token, **filters)), None
        except PulseError as error:
            return Page([], ""), error
        except ValueError as error:  # a status or channel that there is not
            return Page([], ""), refusal("BAD_FILTER", str(error))


def _decided(notification: Notification, rule: str) -> Sequence[Decision]:
    """What a rule decided when the notification was accepted."""
    return [decision for event in notification.timeline for decision in event.decisions if decision.rule == rule]


def _to(request: Request, path: str) -> Response:
    """htmx would follow a redirect within the part it replaces; it is told to load the page instead."""
    if request.headers.get("hx-request") == "true":
        return Response(headers={"HX-Redirect": path})
    return RedirectResponse(path, status_code=303)
