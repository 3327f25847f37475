"""Pages of templates: listing, reading a version, making the next one, and what a recipient would see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pulse_client import PulseError
from pulse_client import calls as client_calls
from pulse_client.enums import Channel
from pulse_client.template import Template, TemplateContent
from services.console.views.template_form import read_context, read_template, read_texts
from services.console.web import calls
from services.console.web.calls import Page
from services.console.web.forms import Form, FormError
from services.console.web.headers import WITH_STYLES
from services.console.web.page import Pages
from services.console.web.refusals import refusal
from services.console.web.search import Search

_NEW = Template(name="", channel=Channel.EMAIL, contents=(TemplateContent(body=""),))


class TemplatePages:
    """Lists, shows, edits and previews."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

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
        return self._editor(request, _NEW, newest=0)

    async def show(self, request: Request) -> Response:
        """The editor on the newest version, or on ``?version=``; saving makes the next version of either."""
        name, version = request.path_params["name"], _version(request.query_params.get("version", ""))
        newest = await request.state.gateway.ask(client_calls.get_template(name))
        template = newest
        if version not in (0, newest.version):
            template = await request.state.gateway.ask(client_calls.get_template(name, version))
        return self._editor(request, template, newest=newest.version)

    async def create(self, request: Request) -> Response:
        """Makes version 1."""
        template = read_template(request.state.form, request.state.form.get("name"))
        try:
            kept = await request.state.gateway.ask(client_calls.create_template(template))
        except PulseError as error:
            return self._editor(request, template, newest=0, error=error)
        return RedirectResponse(f"/console/templates/{kept.name}", status_code=303)

    async def update(self, request: Request) -> Response:
        """Makes the next version."""
        name = request.path_params["name"]
        template = read_template(request.state.form, name)
        try:
            kept = await request.state.gateway.ask(client_calls.update_template(template))
        except PulseError as error:
            newest = await request.state.gateway.ask(client_calls.get_template(name))
            return self._editor(request, template, newest=newest.version, error=error)
        return RedirectResponse(f"/console/templates/{kept.name}", status_code=303)

    async def preview(self, request: Request) -> Response:
        """What a recipient of the draft would see."""
        form = request.state.form
        preview, error = None, None
        try:
            call = client_calls.preview_template(
                form.get("name") or "draft",
                read_context(form),
                channel=form.get("preview_channel") or form.get("channel"),
                locale=form.get("preview_locale"),
                draft=read_texts(form),
            )
            preview = await request.state.gateway.ask(call)
        except PulseError as problem:
            error = problem
        except (FormError, ValueError) as problem:
            error = refusal("BAD_PREVIEW", str(problem))
        # Always 200: a draft with a mistake in it is no failed request.
        shown = form.get("preview_locale")
        return self._pages.part(
            request, "preview.html", error=error, preview=preview, locales=_locales(form), shown=shown
        )

    async def text(self, request: Request) -> Response:
        """An empty text with a number of its own, for the editor to append."""
        number = request.query_params.get("number", "")
        content = TemplateContent(body="")
        return self._pages.part(request, "text.html", number=number if number.isdecimal() else "0", content=content)

    def _editor(
        self, request: Request, template: Template, *, newest: int, error: PulseError | None = None
    ) -> Response:
        values: Mapping[str, Any] = {"template": template, "newest": newest}
        return self._pages.page(request, "template.html", error=error, headers=WITH_STYLES, **values)


def _locales(form: Form) -> Sequence[str]:
    """The languages of a draft, the default (empty) first."""
    return ["", *sorted({form.get(f"text-{number}-locale") for number in form.all("text")} - {""})]


def _version(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 0
