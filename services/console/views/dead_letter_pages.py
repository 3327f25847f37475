"""Pages of dead letters: browsing them, and sending some or all on their way again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from pulse_client import PulseError
from pulse_client.calls_operations import replay_dead_letter
from services.console.views import bulk_replay
from services.console.views.bulk_replay import BulkReplay
from services.console.views.deaths import FILTERS, WITHIN, deaths
from services.console.web import calls
from services.console.web.calls import Page
from services.console.web.field_error import FieldError
from services.console.web.gateway import Gateway
from services.console.web.page import Pages
from services.console.web.refusals import refusal
from services.console.web.search import Search
from shared.clock import Clock

PAGE_SIZE = 50
#: Replays under way at once, so that a page full of them is no flood.
AT_ONCE = 8


class DeadLetterPages:
    """Lists and replays."""

    def __init__(self, pages: Pages, clock: Clock) -> None:
        self._pages = pages
        self._clock = clock

    async def browse(self, request: Request) -> Response:
        """Dead letters that match, newest first."""
        return await self._list(request, Search.of(request.query_params, FILTERS))

    async def replay(self, request: Request) -> Response:
        """Replays those that were picked, then lists what is left, with how many went and why others did not."""
        picked = request.state.form.all("notification_id")[:PAGE_SIZE]
        refusals = await _replay(request.state.gateway, picked, bulk_replay.template(request.state.form))
        return await self._list(
            request, _search(request), refusals[0] if refusals else None, replayed=len(picked) - len(refusals)
        )

    async def replay_all(self, request: Request) -> Response:
        """Counts all that match and asks for confirmation; with it, replays those that were counted."""
        search = _search(request)
        bulk = BulkReplay.read(request.state.form, search, self._clock.now())
        try:
            replay = await request.state.gateway.ask(bulk.call())
        except FieldError as error:
            return await self._list(request, search, bulk=bulk, problems={error.field: error.text})
        except PulseError as error:
            return await self._list(request, search, error, bulk=bulk)
        except ValueError as error:  # a filter that cannot be
            return await self._list(request, search, refusal("BAD_FILTER", str(error)), bulk=bulk)
        return await self._list(request, search, bulk=bulk, replay=replay)

    async def _list(self, request: Request, search: Search, error: PulseError | None = None, **values: Any) -> Response:
        found: Page[object] = Page([], "")
        try:
            wanted = deaths(search, self._clock.now())
            found = await request.state.gateway.ask(calls.dead_letters(search.token, PAGE_SIZE, **wanted))
        except PulseError as problem:
            error = error or problem
        except ValueError as problem:  # a channel or time that there is not
            error = error or refusal("BAD_FILTER", str(problem))
        shown = {"replayed": None, "bulk": None, "replay": None, "rate": bulk_replay.RATE, "within": tuple(WITHIN)}
        return self._pages.page(
            request,
            "dead_letters.html",
            error=error,
            fields=bulk_replay.FIELDS,
            **{**shown, **values, "found": found, "search": search},
        )


def _search(request: Request) -> Search:
    """The filters of a form."""
    return Search.of(request.state.form.values(), FILTERS)


async def _replay(gateway: Gateway, picked: Sequence[str], template: str) -> list[PulseError]:
    """Replays each; gives the refusals."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(notification_id: str) -> PulseError | None:
        async with room:
            try:
                await gateway.ask(replay_dead_letter(notification_id, template))
            except PulseError as refusal:
                return refusal
        return None

    outcomes = await asyncio.gather(*(one(notification_id) for notification_id in picked))
    return [refusal for refusal in outcomes if refusal is not None]
