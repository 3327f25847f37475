"""The page of limits: listing, setting and deleting those that differ from what is configured."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pulse_client import PulseError, calls_operations
from pulse_client.operations import Limit
from services.console.views import limit_form
from services.console.views.limit_form import LimitForm
from services.console.web.field_error import FieldError
from services.console.web.page import Pages
from services.console.web.search import Search
from services.console.web.visits import HOME

_LIST = f"{HOME}/limits"


class LimitPages:
    """Lists, sets and deletes."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def list(self, request: Request) -> Response:
        """All that the caller may see; the form is filled in from the address."""
        return await self._list(request, LimitForm.read(request.query_params))

    async def set(self, request: Request) -> Response:
        """Sets one; what is wrong with a field is shown at that field."""
        form = LimitForm.read(request.state.form.values())
        try:
            await request.state.gateway.ask(form.call())
        except FieldError as error:
            return await self._list(request, form, problems={error.field: error.text})
        except PulseError as error:
            return await self._list(request, form, error=error)
        return RedirectResponse(_LIST, status_code=303)

    async def delete(self, request: Request) -> Response:
        """Forgets one: what is configured counts again."""
        limit_id, tenant_id = request.state.form.get("limit_id"), request.state.form.get("tenant_id")
        try:
            await request.state.gateway.ask(calls_operations.delete_limit(limit_id, tenant_id))
        except PulseError as error:
            return await self._list(request, LimitForm(), error=error)
        return RedirectResponse(_LIST, status_code=303)

    async def _list(
        self,
        request: Request,
        form: LimitForm,
        *,
        error: PulseError | None = None,
        problems: Mapping[str, str] | None = None,
    ) -> Response:
        search = Search.of(request.query_params, ("of",))
        found: tuple[Limit, ...] = ()
        try:
            found = await request.state.gateway.ask(calls_operations.list_limits(search["of"]))
        except PulseError as problem:
            error = error or problem
        return self._pages.page(
            request,
            "limits.html",
            error=error,
            fields=limit_form.FIELDS,
            problems=problems,
            found=[(limit, LimitForm.of(limit)) for limit in found],
            form=form,
            kinds=limit_form.KINDS,
            units=tuple(limit_form.UNITS)[::-1],
            search=search,
        )
