"""The template that a draft describes, or what in the form stands in its way."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from pulse_client.enums import Channel, Priority
from pulse_client.template import CONTENT_FLAGS, CONTENT_TEXTS, TEXTS, Template, TemplateContent, check_unknown
from services.console.views.editor.draft import Draft, Row, TextDraft
from services.console.views.editor.said_parts import PARTS, Field
from services.console.web.field_error import FieldError
from services.console.web.forms import FormError
from shared.strict_json import loads

Value = TypeVar("Value")

#: What the form's texts may have at their ends by mistake.
_EXACT = ("body", "html_body", "subject")


class Problems(Exception):
    """What is wrong with the form, by its fields' names, in words for people."""

    def __init__(self, found: Mapping[str, str]) -> None:
        super().__init__(", ".join(found))
        self.found = found


def template_of(draft: Draft) -> Template:
    """Raises :class:`Problems`, and :class:`FormError` for what no browser would have made of the page."""
    reading = _Reading()
    texts: dict[str, Any] = {name: draft[name] for name in TEXTS}
    made = Template(
        channel=_member(Channel, draft["channel"]),
        contents=tuple(_content(text, reading) for text in draft.texts),
        priority=_member(Priority, draft["priority"]),
        digest_window=reading.field("digest_window", lambda: _seconds(draft["digest_window"])),
        unknown=_unknown(draft["unknown"]),
        **texts,
    )
    if reading.problems:
        raise Problems(reading.problems)
    try:
        check_unknown(made)
    except ValueError as error:
        raise FormError(str(error)) from None
    return made


class _Reading:
    """Reads fields, and goes on after one that cannot be read."""

    def __init__(self) -> None:
        self.problems: dict[str, str] = {}

    def field(self, place: str, read: Callable[[], Value]) -> Value | None:
        try:
            return read()
        except FieldError as error:
            self.problems[place] = error.text
            return None


def _content(text: TextDraft, reading: _Reading) -> TemplateContent:
    prefix = f"text-{text.number}-"
    strings = reading.field(f"{prefix}strings", lambda: _map(text.rows.get("strings", ())))
    said: dict[str, Any] = {}
    for part in PARTS:
        values = {}
        for one in part.fields:
            value = reading.field(f"{prefix}{part.name}-{one.name}", partial(_value, text, part.name, one))
            if value not in (None, "", {}, []):
                values[one.name] = value
        said[part.name] = values
    flags: dict[str, Any] = {name: bool(text[name]) for name in CONTENT_FLAGS}
    texts: dict[str, Any] = {name: text[name] if name in _EXACT else text[name].strip() for name in CONTENT_TEXTS}
    return TemplateContent(
        channel=_member(Channel, text["channel"]),
        strings=strings or {},
        unknown=_unknown(text["unknown"]),
        **texts,
        **flags,
        **said,
    )


def _value(text: TextDraft, part: str, one: Field) -> Any:
    """What a field of a part says; None or empty: nothing. Raises :class:`FieldError`."""
    name = f"{part}-{one.name}"
    if one.kind == "map":
        return _map(text.rows.get(name, ()))
    written = text[name]
    if one.kind == "number":
        return _whole_number(written.strip())
    if one.kind == "choice":
        return {"yes": True, "no": False}.get(written)
    if one.kind == "lines":
        return [line.strip() for line in written.splitlines() if line.strip()]
    if one.kind == "other":
        return loads(written) if written else None
    return _one_of(one, written) if one.kind == "word" else written.strip()


def _map(rows: Sequence[Row]) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in rows:
        if not key:
            raise FieldError("", f"a value has no name: {_beginning(value)}")
        if key in found:
            raise FieldError("", f"the name {_beginning(key)} stands here twice")
        found[key] = value
    return found


def _beginning(text: str) -> str:
    return text if len(text) <= 40 else text[:40] + "…"


def _one_of(one: Field, written: str) -> str:
    if written and written not in one.words:
        raise FormError(f"there is no {written!r}")
    return written


def _whole_number(written: str) -> int | None:
    if not written:
        return None
    digits = written.removeprefix("-")
    if not digits.isascii() or not digits.isdecimal() or len(digits) > 9:
        raise FieldError("", "must be a whole number")
    return int(written)


def _seconds(written: str) -> dt.timedelta | None:
    number = _whole_number(written)
    return None if number is None else dt.timedelta(seconds=number)


def _unknown(written: str) -> bytes:
    """What a newer gateway says besides, which the page carries along unseen."""
    try:
        return base64.b64decode(written, validate=True)
    except ValueError:
        raise FormError("what was kept of unknown fields is damaged") from None


def _member(kind: type[Value], name: str) -> Value:
    make: Callable[[str], Value] = kind
    try:
        return make(name or "UNSPECIFIED")
    except ValueError:
        raise FormError(f"there is no {kind.__name__.lower()} {name!r}") from None
