"""Pages of templates: listing, reading a version, and making the next one."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pulse_client import PulseError
from pulse_client import calls as client_calls
from pulse_client.enums import Channel
from pulse_client.template import Template, TemplateContent
from services.console.views.editor import places, saying
from services.console.views.editor.draft import Draft, of_template
from services.console.views.editor.editor import Editor
from services.console.views.editor.form import read_draft
from services.console.views.editor.saying import Problems
from services.console.web import calls
from services.console.web.calls import Page
from services.console.web.page import Pages, status_of
from services.console.web.refusals import refusal
from services.console.web.search import Search

_NEW = Template(name="", channel=Channel.EMAIL, contents=(TemplateContent(body=""),))
#: The API's reason where somebody else was quicker.
_CHANGED = "TEMPLATE_CHANGED"


class TemplatePages:
    """Lists, shows and saves."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._editor = Editor(pages)

    async def list(self, request: Request) -> Response:
        """Templates by name, each at its newest version."""
        search = Search.of(request.query_params, ("channel",))
        found: Page[Template] = Page([], "")
        error = None
        try:
            found = await request.state.gateway.ask(calls.templates(search.token, search["channel"]))
        except PulseError as problem:
            error = problem
        except ValueError as problem:  # a channel that there is not
            error = refusal("BAD_FILTER", str(problem))
        return self._pages.page(request, "templates.html", error=error, found=found, search=search)

    async def blank(self, request: Request) -> Response:
        """The editor for a new template."""
        return self._editor.page(request, of_template(_NEW, newest=0))

    async def show(self, request: Request) -> Response:
        """The editor on the newest version, or on ``?version=``; saving makes the next version of either."""
        name, version = request.path_params["name"], _version(request.query_params.get("version", ""))
        newest = await request.state.gateway.ask(client_calls.get_template(name))
        template = newest
        if version not in (0, newest.version):
            template = await request.state.gateway.ask(client_calls.get_template(name, version))
        return self._editor.page(request, of_template(template, newest.version), stored=template)

    async def create(self, request: Request) -> Response:
        """Makes version 1."""
        return await self._save(request, read_draft(request.state.form))

    async def update(self, request: Request) -> Response:
        """Makes the next version, unless somebody else has made one meanwhile."""
        return await self._save(request, read_draft(request.state.form, request.path_params["name"]))

    async def _save(self, request: Request, draft: Draft) -> Response:
        """Whatever stands in the way, the form is shown again as it was typed, with the words at its fields."""
        try:
            template = saying.template_of(draft)
            kept = await request.state.gateway.ask(_call(template, draft.base_version, request))
        except Problems as problems:
            return self._editor.page(request, draft, problems=problems.found)
        except PulseError as error:
            if error.reason == _CHANGED:
                return await self._changed(request, draft, error)
            found = places.problems_of(error, draft)
            return self._editor.page(request, draft, error=error, problems=found)
        return RedirectResponse(f"/console/templates/{kept.name}", status_code=303)

    async def _changed(self, request: Request, draft: Draft, error: PulseError) -> Response:
        """What was typed, to be saved over the newest version knowingly, or left."""
        newest = await request.state.gateway.ask(client_calls.get_template(draft["name"]))
        again = Draft(draft.values, draft.texts, newest.version)
        return self._editor.page(request, again, status=status_of(error), overtaken=draft.base_version)


def _call(template: Template, base_version: int, request: Request) -> client_calls.Call[Template]:
    if "name" in request.path_params:
        return client_calls.update_template(template, base_version)
    return client_calls.create_template(template)


def _version(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 0
