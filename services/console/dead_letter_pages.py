"""Pages of dead letters: browsing them, and sending some on their way again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from pulse_client import PulseError
from services.console import calls
from services.console.calls import Page
from services.console.gateway import Gateway
from services.console.pages import Pages
from services.console.refusals import refusal
from services.console.search import Search

PAGE_SIZE = 50
#: Replays under way at once, so that a page full of them is no flood.
AT_ONCE = 8
FILTERS = ("channel", "provider", "failure_code")


class DeadLetterPages:
    """Lists and replays."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def browse(self, request: Request) -> Response:
        """Dead letters that match, newest first."""
        return await self._list(request, Search.of(request.query_params, FILTERS))

    async def replay(self, request: Request) -> Response:
        """Replays those that were picked, then lists what is left, with how many went and why others did not."""
        picked = request.state.form.all("notification_id")[:PAGE_SIZE]
        refusals = await _replay(request.state.gateway, picked)
        replayed = len(picked) - len(refusals)
        search = Search.of({name: request.state.form.get(name) for name in FILTERS}, FILTERS)
        return await self._list(request, search, refusals[0] if refusals else None, replayed)

    async def _list(
        self, request: Request, search: Search, error: PulseError | None = None, replayed: int | None = None
    ) -> Response:
        found: Page[object] = Page([], "")
        try:
            found = await request.state.gateway.ask(
                calls.dead_letters(search.token, **search.filters, page_size=PAGE_SIZE)
            )
        except PulseError as problem:
            error = error or problem
        except ValueError as problem:  # a channel that there is not
            error = error or refusal("BAD_FILTER", str(problem))
        return self._pages.page(
            request, "dead_letters.html", error=error, found=found, search=search, replayed=replayed
        )


async def _replay(gateway: Gateway, picked: Sequence[str]) -> list[PulseError]:
    """Replays each; gives the refusals."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(notification_id: str) -> PulseError | None:
        async with room:
            try:
                await gateway.ask(calls.replay(notification_id))
            except PulseError as refusal:
                return refusal
        return None

    outcomes = await asyncio.gather(*(one(notification_id) for notification_id in picked))
    return [refusal for refusal in outcomes if refusal is not None]
