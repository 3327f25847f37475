"""The editor's form as it is posted: texts are numbered fields, ``text-0-body`` say, with gaps where one went."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from services.console.views.editor.draft import FIELDS, OWN, ROWS, Draft, Row, TextDraft
from services.console.web.field_error import FieldError
from services.console.web.forms import Form
from shared.strict_json import BadJson, loads

#: As many as the contract allows.
MOST_TEXTS = 100
#: Longest number of a text, digits.
_LONGEST_NUMBER = 9


def read_draft(form: Form, name: str = "") -> Draft:
    """What stands in the form, whatever it is; ``name``: the template's, where the address says it."""
    values = {field: form.text(field) if field == "unknown" else form.get(field) for field in OWN}
    if name:
        values["name"] = name
    numbers = [number for number in form.all("text") if _is_number(number)]
    texts = [_text(form, number) for number in dict.fromkeys(numbers)][:MOST_TEXTS]
    return Draft(values, texts, _version(form.get("base_version")))


def changed(draft: Draft, form: Form) -> Draft:
    """As the form's buttons ask: a text more or less, a row more."""
    removed, added = form.get("remove"), form.get("add")
    texts = [text for text in draft.texts if text.number != removed] or list(draft.texts[:1])
    if added == "text" and len(texts) < MOST_TEXTS:
        texts.append(TextDraft(draft.next_number))
    texts = [_with_row(text, added) for text in texts]
    return Draft(draft.values, texts, draft.base_version)


def read_context(form: Form) -> Mapping[str, Any]:
    """The preview's variables, a JSON object; raises :class:`FieldError`."""
    written = form.text("context").strip()
    try:
        context = loads(written or "{}")
    except BadJson as error:
        raise FieldError("context", f"the variables are not valid JSON: {error}") from None
    if not isinstance(context, dict):
        raise FieldError("context", 'the variables must be a JSON object, {"name": "Ann"} say')
    return context


def write_context(context: Mapping[str, Any], variables: Sequence[str] = ()) -> str:
    """For the variables' field: with those that a template asks for besides, each saying its own name."""
    return json.dumps({**context, **{name: name.upper() for name in variables if name not in context}}, indent=2)


def _text(form: Form, number: str) -> TextDraft:
    prefix = f"text-{number}-"
    values = {field: form.text(prefix + field) for field in FIELDS}
    values |= {field: values[field].strip() for field in ("channel", "locale")}
    return TextDraft(number, values, {name: _rows(form, prefix + name) for name in ROWS})


def _rows(form: Form, name: str) -> list[Row]:
    """Names and values that stand beside each other; a row with nothing in it is none."""
    pairs = zip(form.texts(f"{name}-key"), form.texts(f"{name}-value"), strict=False)
    return [(key, value) for key, value in pairs if key or value]


def _with_row(text: TextDraft, added: str) -> TextDraft:
    name = added.removeprefix(f"text-{text.number}-")
    return text.with_row(name) if name in ROWS and name != added else text


def _is_number(number: str) -> bool:
    return number.isascii() and number.isdecimal() and len(number) <= _LONGEST_NUMBER


def _version(text: str) -> int:
    return int(text) if _is_number(text) else 0
