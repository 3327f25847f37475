"""A template as it stands in the editor's form: everything is text, whether it could be saved or not."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pulse_client.template import CONTENT_FLAGS, CONTENT_TEXTS, TEXTS, Template, TemplateContent
from services.console.views.editor.said_parts import PARTS, Field

Row = tuple[str, str]

#: What of a content is one field of the form, beside its texts and the parts of it.
_OF_CONTENT = (*CONTENT_TEXTS, *CONTENT_FLAGS, "channel", "unknown")
#: The rows of a content's form, by what they are called in it.
ROWS = ("strings", *(f"{part.name}-{field.name}" for part in PARTS for field in part.fields if field.kind == "map"))
#: Fields of a content's form that have one value each.
FIELDS = (
    *_OF_CONTENT,
    *(f"{part.name}-{field.name}" for part in PARTS for field in part.fields if field.kind != "map"),
)
#: Fields of a template's own form.
OWN = (*TEXTS, "channel", "priority", "digest_window", "unknown")


@dataclass(frozen=True)
class TextDraft:
    """One content: its fields and its rows of names and values, by what the form calls them behind ``text-N-``."""

    number: str
    values: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, Sequence[Row]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "")

    def count(self, part: str) -> int:
        """How much of a part is filled in."""
        filled = [name for name, value in self.values.items() if value and name.startswith(f"{part}-")]
        pairs = [row for name, rows in self.rows.items() if name.startswith(f"{part}-") for row in rows if any(row)]
        return len(filled) + len(pairs)

    def with_row(self, name: str) -> TextDraft:
        """With room for one more name and value."""
        return replace(self, rows={**self.rows, name: [*self.rows.get(name, ()), ("", "")]})


@dataclass(frozen=True)
class Draft:
    """A template that is worked at, and the version that it was the newest of when the work began (0: it is new)."""

    values: Mapping[str, str]
    texts: Sequence[TextDraft]
    base_version: int = 0

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "")

    @property
    def next_number(self) -> str:
        """What another text would be numbered."""
        return str(max((int(text.number) for text in self.texts), default=-1) + 1)


def of_template(template: Template, newest: int) -> Draft:
    """A stored version, to make the next one of."""
    window = template.digest_window
    values = {name: str(getattr(template, name)) for name in TEXTS}
    values |= {
        "channel": _word(template.channel),
        "priority": _word(template.priority),
        "digest_window": str(int(window.total_seconds())) if window else "",
        "unknown": base64.b64encode(template.unknown).decode(),
    }
    return Draft(values, [_text(str(n), content) for n, content in enumerate(template.contents)], newest)


def _text(number: str, content: TemplateContent) -> TextDraft:
    values = {name: str(getattr(content, name)) for name in CONTENT_TEXTS}
    values |= {name: "yes" if getattr(content, name) else "" for name in CONTENT_FLAGS}
    values |= {"channel": _word(content.channel), "unknown": base64.b64encode(content.unknown).decode()}
    rows: dict[str, Sequence[Row]] = {"strings": _pairs(content.strings.items())}
    for part in PARTS:
        said: Mapping[str, Any] = getattr(content, part.name)
        for one in part.fields:
            if one.kind == "map":
                rows[f"{part.name}-{one.name}"] = _pairs(said.get(one.name, {}).items())
            elif one.name in said:
                values[f"{part.name}-{one.name}"] = _written(one, said[one.name])
    return TextDraft(number, values, rows)


def _pairs(items: Iterable[tuple[str, str]]) -> Sequence[Row]:
    return sorted(items)


def _written(one: Field, value: Any) -> str:
    """A value as its field shows it."""
    if one.kind == "choice":
        return "yes" if value else "no"
    if one.kind == "lines":
        return "\n".join(value)
    return json.dumps(value) if one.kind == "other" else str(value)


def _word(name: str) -> str:
    return "" if name == "UNSPECIFIED" else name
