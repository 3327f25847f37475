"""Pages of fragments: listing, reading a version, making the next one, and which templates take them in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pulse_client import PulseError
from pulse_client.fragments import calls as fragment_calls
from pulse_client.fragments.fragment import Fragment, FragmentContent
from services.console.views.fragment_form import FragmentForm, FragmentText
from services.console.web import calls
from services.console.web.calls import Page
from services.console.web.page import Pages, status_of
from services.console.web.search import Search
from services.console.web.visits import HOME

_LIST = f"{HOME}/fragments"
_NEW = Fragment("", (FragmentContent(""),))


class FragmentPages:
    """Lists, shows, saves and takes out of use."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def list(self, request: Request, error: PulseError | None = None) -> Response:
        """Fragments by name, each at its newest version."""
        search = Search.of(request.query_params, ())
        found: Page[Fragment] = Page([], "")
        try:
            found = await request.state.gateway.ask(calls.fragments(search.token))
        except PulseError as problem:
            error = error or problem
        return self._pages.page(request, "fragments.html", error=error, found=found, search=search)

    async def blank(self, request: Request) -> Response:
        """The form of a new one."""
        return self._form(request, FragmentForm.of(_NEW, 0))

    async def show(self, request: Request) -> Response:
        """The form on the newest version, or on ``?version=``."""
        name, version = request.path_params["name"], request.query_params.get("version", "")
        newest = await request.state.gateway.ask(fragment_calls.get_fragment(name))
        stored = newest
        if version.isdecimal() and len(version) < 10 and int(version) not in (0, newest.version):
            stored = await request.state.gateway.ask(fragment_calls.get_fragment(name, int(version)))
        return self._form(request, FragmentForm.of(stored, newest.version), stored=stored, newest=newest)

    async def create(self, request: Request) -> Response:
        """Makes version 1."""
        form = FragmentForm.read(request.state.form)
        try:
            kept = await request.state.gateway.ask(fragment_calls.create_fragment(form.fragment()))
        except PulseError as error:
            return self._form(request, form, error=error)
        return RedirectResponse(f"{_LIST}/{kept.name}", status_code=303)

    async def update(self, request: Request) -> Response:
        """Makes the next version, and if that is wanted the next ones of the templates that take it in."""
        form = FragmentForm.read(request.state.form, request.path_params["name"])
        ask = request.state.gateway.ask
        try:
            newest = await ask(fragment_calls.get_fragment(form.name))
            if form.base_version != newest.version:
                again = replace(form, base_version=newest.version)
                return self._form(request, again, newest=newest, overtaken=form.base_version)
            call = fragment_calls.update_fragment(form.fragment(), apply_to_templates=bool(form.apply))
            await ask(call)
        except PulseError as error:
            return self._form(request, form, error=error)
        return RedirectResponse(f"{_LIST}/{form.name}", status_code=303)

    async def delete(self, request: Request) -> Response:
        """Takes one out of use; what the gateway has against it is shown above the list."""
        try:
            await request.state.gateway.ask(fragment_calls.delete_fragment(request.path_params["name"]))
        except PulseError as error:
            return await self.list(request, error)
        return RedirectResponse(_LIST, status_code=303)

    async def again(self, request: Request) -> Response:
        """The form as it stands, with a text more or less."""
        given = request.state.form
        return self._form(request, FragmentForm.read(given).changed(given), status=200)

    async def text(self, request: Request) -> Response:
        """An empty text with a number of its own, for the page to append."""
        number = request.query_params.get("number", "")
        text = FragmentText(number if number.isdecimal() else "0")
        return self._pages.part(request, "fragment_text.html", text=text)

    def _form(
        self,
        request: Request,
        form: FragmentForm,
        *,
        stored: Fragment | None = None,
        newest: Fragment | None = None,
        error: PulseError | None = None,
        overtaken: int = 0,
        status: int | None = None,
    ) -> Response:
        """``overtaken``: the version that the work began with, where there is a newer one by now."""
        problems: Mapping[str, str] = form.problems(error) if error else {}
        return self._pages.page(
            request,
            "fragment.html",
            error=error,
            problems=problems,
            status=status or (409 if overtaken else status_of(error)),
            form=form,
            stored=stored,
            used_by=newest.used_by if newest else (),
            overtaken=overtaken,
        )
