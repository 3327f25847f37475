"""The page of one recipient: what the user wants, must not get, and can be reached by."""

from __future__ import annotations

import asyncio
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pulse_client import PulseError, calls_recipients
from services.console.web import calls
from services.console.web.page import Pages
from services.console.web.search import Search
from services.console.web.visits import HOME


class RecipientPages:
    """Shows preferences, suppressions and devices; lifts suppressions."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def show(self, request: Request) -> Response:
        """Of the user that the address names; without one, the search alone."""
        return await self._show(request, Search.of(request.query_params, ("user_id",)))

    async def lift(self, request: Request) -> Response:
        """Takes a suppression away, then shows what is left."""
        user_id = request.state.form.get("user_id")
        call = calls_recipients.delete_suppression(user_id, request.state.form.get("suppression_id"))
        try:
            await request.state.gateway.ask(call)
        except PulseError as error:
            return await self._show(request, Search({"user_id": user_id}, ""), error)
        return RedirectResponse(f"{HOME}/recipients?{urlencode({'user_id': user_id})}", status_code=303)

    async def _show(self, request: Request, search: Search, error: PulseError | None = None) -> Response:
        preferences, suppressions, devices = None, None, None
        user_id, ask = search["user_id"], request.state.gateway.ask
        if user_id:
            try:
                preferences, suppressions, devices = await asyncio.gather(
                    ask(calls_recipients.get_preferences(user_id)),
                    ask(calls.suppressions(search.token, user_id)),
                    ask(calls_recipients.list_device_tokens(user_id)),
                )
            except PulseError as problem:
                error = error or problem
        return self._pages.page(
            request,
            "recipient.html",
            error=error,
            search=search,
            preferences=preferences,
            suppressions=suppressions,
            devices=devices,
        )
