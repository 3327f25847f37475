"""The editor's page: the form as it stands, with what is wrong at its fields, and a preview beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from pulse_client import PulseError
from pulse_client.template import Template
from services.console.views.editor.draft import Draft, TextDraft
from services.console.views.editor.form import write_context
from services.console.views.editor.places import title_of
from services.console.views.editor.said_parts import FLAGS, OTHERS, PARTS
from services.console.views.editor.shown import Shown
from services.console.web.headers import WITH_STYLES
from services.console.web.page import Pages, status_of


@dataclass(frozen=True)
class PreviewForm:
    """What is chosen for the preview."""

    context: str = "{}"
    channel: str = ""
    locale: str = ""
    width: str = "desktop"
    shade: str = "light"


class Editor:
    """Shows the form."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def page(
        self,
        request: Request,
        draft: Draft,
        *,
        stored: Template | None = None,
        error: PulseError | None = None,
        problems: Mapping[str, str] | None = None,
        status: int | None = None,
        overtaken: int = 0,
        chosen: PreviewForm | None = None,
        shown: Shown | None = None,
        document: str = "",
    ) -> Response:
        """The form. ``stored``: the version that it shows, where nothing was typed yet. ``overtaken``: the version that
        the work began with, where there is a newer one by now."""
        problems = problems or {}
        context = write_context({}, stored.variables if stored else ())
        return self._pages.page(
            request,
            "editor/template.html",
            headers=WITH_STYLES,
            status=status or _status(error, problems),
            # Said at the fields, and in a list of them above.
            error=None if problems else error,
            refused=error,
            problems=problems,
            draft=draft,
            stored=stored,
            overtaken=overtaken,
            faults=_faults(problems, draft),
            chosen=chosen or PreviewForm(context),
            shown=shown,
            document=document,
            **parts(),
        )

    def text(self, request: Request, text: TextDraft) -> Response:
        """One text's fields, for the page to append."""
        return self._pages.part(request, "editor/text.html", text=text, **parts())


def parts() -> Mapping[str, Any]:
    """What the templates of a text need."""
    return {"parts": PARTS, "others": OTHERS, "flags": FLAGS}


def _status(error: PulseError | None, problems: Mapping[str, str]) -> int:
    if error is None and problems:
        return HTTPStatus.BAD_REQUEST
    return status_of(error)


def _faults(problems: Mapping[str, str], draft: Draft) -> Sequence[tuple[str, str, str]]:
    """Each fault: its place, what people call that, and what is wrong there."""
    return [(place, title_of(place, draft), words) for place, words in problems.items()]
