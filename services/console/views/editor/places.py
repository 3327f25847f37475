"""Where in the editor a field of the API stands: a path in an error becomes the name of a field of the form."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pulse_client import PulseError
from pulse_client.errors import Violation
from services.console.views.editor.draft import FIELDS, OWN, ROWS, Draft

_CONTENT = re.compile(r"(?:template\.contents|draft)\[(\d+)\](?:\.(.*))?")
#: What is said of the contents as a whole stands above them.
CONTENTS = "contents"
#: What is said of the whole answer to a preview's context.
CONTEXT = "context"
#: Reasons without a field, and the field that they are about.
_OF_REASON = {"TEMPLATE_EXISTS": "name"}


def problems_of(error: PulseError, draft: Draft) -> Mapping[str, str]:
    """What an error says, by the fields of the form; empty if it is about none of them."""
    found: dict[str, str] = {}
    for violation in error.violations:
        place = place_of(violation.field, draft)
        if place:
            found[place] = f"{found[place]}; {_words(violation)}" if place in found else _words(violation)
    if not error.violations and error.reason in _OF_REASON:
        found[_OF_REASON[error.reason]] = error.message
    return found


def place_of(path: str, draft: Draft) -> str:
    """The nearest place to a path; empty: it is nowhere in the form."""
    found = _CONTENT.fullmatch(path)
    if found and int(found[1]) < len(draft.texts):
        return _in_text(draft.texts[int(found[1])].number, found[2] or "")
    own = path.removeprefix("template.")
    if own in OWN or own.startswith((CONTENTS, CONTEXT)):
        return own.partition("[")[0].partition(".")[0]
    return ""


def title_of(place: str, draft: Draft) -> str:
    """A place as people call it: "text 2, push link"."""
    numbers: Sequence[str] = [text.number for text in draft.texts]
    found = re.fullmatch(r"text-(\d+)(?:-(.*))?", place)
    if not found or found[1] not in numbers:
        return place.replace("_", " ")
    text = f"text {numbers.index(found[1]) + 1}"
    rest = (found[2] or "").replace("-", " ").replace("_", " ")
    return f"{text}, {rest}" if rest else text


def _in_text(number: str, path: str) -> str:
    steps = [step.partition("[")[0] for step in path.split(".")]
    for name in ("-".join(steps[:2]), steps[0]):
        if name in FIELDS or name in ROWS:
            return f"text-{number}-{name}"
    return f"text-{number}"


def _words(violation: Violation) -> str:
    return violation.description
