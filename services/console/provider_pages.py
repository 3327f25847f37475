"""The page of providers."""

from __future__ import annotations

import grpc
from starlette.requests import Request
from starlette.responses import Response

from pulse_client import PulseError
from services.console.pages import Pages
from services.console.providers import Provider, Providers
from shared import errors


class ProviderPages:
    """Shows which providers are set up, and whether they can be reached."""

    def __init__(self, pages: Pages, providers: Providers) -> None:
        self._pages = pages
        self._providers = providers

    async def show(self, request: Request) -> Response:
        """All of them, or why they are not known."""
        found: list[Provider] = []
        problem = None
        try:
            found = list(await self._providers.list())
        except errors.PulseError as error:
            code = grpc.StatusCode[error.code.name]
            problem = PulseError(code, error.reason, "the delivery service cannot be asked about its providers")
        return self._pages.page(request, "providers.html", error=problem, found=found)
