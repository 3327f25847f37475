"""Previews of what stands in the editor, and the editor again with what its buttons ask for."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from services.console.views.editor.draft import ROWS, TextDraft
from services.console.views.editor.editor import Editor, PreviewForm
from services.console.views.editor.form import changed, read_draft, write_context
from services.console.views.editor.frame import WITH_PICTURES, mail_document, push_document
from services.console.views.editor.shown import Shown, show
from services.console.web.forms import Form
from services.console.web.page import Pages

#: The button that adds what the template asks for.
_ADD_VARIABLES = "variables"


class PreviewPages:
    """Answers what the editor's page asks for while one types, and the same without scripts."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._editor = Editor(pages)

    async def part(self, request: Request) -> Response:
        """What a recipient of the draft would see; a draft with a mistake in it is no failed request."""
        shown = await _shown(request)
        return self._pages.part(request, "editor/preview.html", shown=shown, document=self._document(request, shown))

    async def pictures(self, request: Request) -> Response:
        """The same as a document for a frame, whose policy lets it fetch pictures."""
        shown = await _shown(request)
        return HTMLResponse(self._document(request, shown, pictures=True), headers=WITH_PICTURES)

    async def context(self, request: Request) -> Response:
        """The field of variables, with those that the template asks for besides."""
        shown = await _shown(request)
        return self._pages.part(request, "editor/context.html", chosen=_chosen(request.state.form, shown))

    async def again(self, request: Request) -> Response:
        """The editor as it stands, with a text or a row more or less if that is asked for, and its preview."""
        form = request.state.form
        draft = changed(read_draft(form), form)
        shown = await show(request.state.gateway, draft, form)
        chosen = _chosen(form, shown if form.get("add") == _ADD_VARIABLES else Shown())
        document = self._document(request, shown)
        return self._editor.page(request, draft, chosen=chosen, shown=shown, document=document)

    async def text(self, request: Request) -> Response:
        """An empty text with a number of its own, for the page to append."""
        number = request.query_params.get("number", "")
        return self._editor.text(request, TextDraft(number if number.isdecimal() else "0"))

    async def row(self, request: Request) -> Response:
        """A row more of names and values, for the page to insert."""
        place = request.query_params.get("add", "")
        title = place.rpartition("-")[2].replace("_", " ").capitalize()
        known = place.startswith("text-") and place.endswith(tuple(f"-{name}" for name in ROWS))
        return self._pages.part(request, "editor/row.html", place=place if known else "", title=title)

    def _document(self, request: Request, shown: Shown, *, pictures: bool = False) -> str:
        """What the frame shows; empty where nothing is to be seen in one."""
        if shown.preview is None:
            return ""
        if shown.look == "push":
            cards = self._pages.text(request, "editor/devices.html", shown=shown, pictures=pictures)
            return push_document(cards, shown.shade, pictures=pictures)
        return mail_document(shown.preview.html_body, shown.shade, pictures=pictures)


async def _shown(request: Request) -> Shown:
    form = request.state.form
    return await show(request.state.gateway, read_draft(form), form)


def _chosen(form: Form, shown: Shown) -> PreviewForm:
    """What is chosen for the preview, with what the preview found lacking among the variables."""
    kept = PreviewForm(
        form.text("context"),
        form.get("preview_channel"),
        form.get("preview_locale"),
        "phone" if form.get("width") == "phone" else "desktop",
        "dark" if form.get("shade") == "dark" else "light",
    )
    return replace(kept, context=write_context(shown.context, shown.lacking)) if shown.lacking else kept
