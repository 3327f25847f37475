"""The page of destinations: rooms of chat services, by name; where exactly one leads is given and never told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pulse_client import PulseError
from pulse_client.destinations import calls as destination_calls
from pulse_client.destinations.destination import Destination
from services.console.web.page import Pages
from services.console.web.visits import HOME

_LIST = f"{HOME}/destinations"
#: What the API calls the form's fields.
_FIELDS: Mapping[str, str] = {"destination.name": "name", "destination.url": "url"}


@dataclass(frozen=True)
class DestinationForm:
    """What stands in the form but for the address, which is not shown again. ``existing``: yes, or empty."""

    name: str = ""
    existing: str = ""


class DestinationPages:
    """Lists, registers, leads elsewhere and takes out of use."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def list(self, request: Request) -> Response:
        """All of them; ``?name=`` asks for another address of one."""
        name = request.query_params.get("name", "")
        return await self._list(request, DestinationForm(name, "yes" if name else ""))

    async def set(self, request: Request) -> Response:
        """Registers one, or sets its address; what is wrong with a field is shown at that field."""
        given = request.state.form
        form, url = DestinationForm(given.get("name"), given.get("existing")), given.get("url")
        make = destination_calls.update_destination if form.existing else destination_calls.create_destination
        try:
            await request.state.gateway.ask(make(form.name, url))
        except PulseError as error:
            return await self._list(request, form, error)
        return RedirectResponse(_LIST, status_code=303)

    async def delete(self, request: Request) -> Response:
        """Takes one out of use."""
        try:
            await request.state.gateway.ask(destination_calls.delete_destination(request.state.form.get("name")))
        except PulseError as error:
            return await self._list(request, DestinationForm(), error)
        return RedirectResponse(_LIST, status_code=303)

    async def _list(self, request: Request, form: DestinationForm, error: PulseError | None = None) -> Response:
        found: Sequence[Destination] = ()
        try:
            found = await request.state.gateway.ask(destination_calls.list_destinations())
        except PulseError as problem:
            error = error or problem
        return self._pages.page(request, "destinations.html", error=error, fields=_FIELDS, found=found, form=form)
