"""The page of providers: how they do, and what operators decide on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pulse_client import PulseError, calls_operations
from pulse_client.calls import Call
from pulse_client.enums import BreakerOverride, Channel
from pulse_client.operations import ProviderState
from services.console.web.page import Pages
from services.console.web.refusals import refusal
from services.console.web.visits import HOME


class ProviderPages:
    """Shows, overrides, pauses and resumes."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def show(self, request: Request) -> Response:
        """All of them, or why they are not known."""
        return await self._show(request)

    async def override(self, request: Request) -> Response:
        """Decides on a breaker, or leaves it to failures again."""
        form = request.state.form
        return await self._decide(
            request, calls_operations.override_breaker, form.get("provider"), form.get("override")
        )

    async def pause(self, request: Request) -> Response:
        """Stops sending by a channel or a provider."""
        form = request.state.form
        return await self._decide(request, calls_operations.pause, form.get("channel"), form.get("provider"))

    async def resume(self, request: Request) -> Response:
        """Goes on sending."""
        form = request.state.form
        return await self._decide(request, calls_operations.resume, form.get("channel"), form.get("provider"))

    async def _decide(self, request: Request, call: Callable[[str, str], Call[Any]], what: str, which: str) -> Response:
        try:
            await request.state.gateway.ask(call(what, which))
        except PulseError as error:
            return await self._show(request, error)
        except ValueError as error:  # a channel or override that there is not
            return await self._show(request, refusal("BAD_CHOICE", str(error)))
        return RedirectResponse(f"{HOME}/providers", status_code=303)

    async def _show(self, request: Request, error: PulseError | None = None) -> Response:
        found: Sequence[ProviderState] = ()
        try:
            found = await request.state.gateway.ask(calls_operations.list_providers())
        except PulseError as problem:
            error = error or problem
        overrides = [override for override in BreakerOverride if override is not BreakerOverride.UNSPECIFIED]
        return self._pages.page(
            request, "providers.html", error=error, found=found, paused=_channels(found), overrides=overrides
        )


def _channels(found: Sequence[ProviderState]) -> Mapping[Channel, bool]:
    """Whether each channel that has a provider is paused as a whole."""
    return {state.channel: state.channel_paused for state in found}
