"""The template editor's form: texts are numbered fields, ``text-0-body`` say, with gaps where one was taken out."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from pulse_client.enums import Channel, Priority
from pulse_client.template import Template, TemplateContent, check_unknown
from services.console.web.forms import Form, FormError
from shared.strict_json import BadJson, loads

#: As many as the contract allows.
MOST_TEXTS = 100


def read_template(form: Form, name: str) -> Template:
    """The template that a form describes; raises :class:`FormError` for a channel or priority that there is not.

    What this console does not know of it comes back in the form as it went.
    """
    made = Template(
        name=name,
        channel=_channel(form.get("channel")),
        contents=tuple(read_texts(form)),
        priority=_priority(form.get("priority")),
        category=form.get("category"),
        default_locale=form.get("default_locale"),
        digest_window=_seconds(form.get("digest_window")),
        unknown=_unknown(form.get("unknown")),
    )
    try:
        check_unknown(made)
    except ValueError as error:
        raise FormError(str(error)) from None
    return made


def read_texts(form: Form) -> Sequence[TemplateContent]:
    """The texts, in the order of the page."""
    return [_text(form, number) for number in form.all("text")[:MOST_TEXTS]]


def read_context(form: Form) -> Mapping[str, Any]:
    """The preview's variables, a JSON object; raises :class:`FormError`."""
    written = form.text("context").strip()
    try:
        context = loads(written or "{}")
    except BadJson as error:
        raise FormError(f"the variables are not valid JSON: {error}") from None
    if not isinstance(context, dict):
        raise FormError('the variables must be a JSON object, {"name": "Ann"} say')
    return context


def _text(form: Form, number: str) -> TemplateContent:
    return TemplateContent(
        body=form.text(f"text-{number}-body"),
        subject=form.get(f"text-{number}-subject"),
        html_body=form.text(f"text-{number}-html_body"),
        channel=_channel(form.get(f"text-{number}-channel")),
        locale=form.get(f"text-{number}-locale"),
        strings=_strings(form.text(f"text-{number}-strings")),
        unknown=_unknown(form.get(f"text-{number}-unknown")),
    )


def _strings(text: str) -> Mapping[str, str]:
    """A language's strings, which the page carries along."""
    try:
        strings = loads(text) if text else {}
    except BadJson as error:
        raise FormError(f"the strings: {error}") from None
    if not isinstance(strings, dict) or not all(isinstance(words, str) for words in strings.values()):
        raise FormError("the strings are a JSON object of texts")
    return strings


def _unknown(text: str) -> bytes:
    """What a newer gateway says besides, which the page carries along unseen."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise FormError("what was kept of unknown fields is damaged") from None


def _seconds(text: str) -> dt.timedelta | None:
    if not text:
        return None
    if not text.isdecimal() or len(text) > 9:
        raise FormError("the digest window must be a whole number of seconds")
    return dt.timedelta(seconds=int(text))


def _channel(name: str) -> Channel:
    try:
        return Channel(name or "UNSPECIFIED")
    except ValueError:
        raise FormError(f"there is no channel {name!r}") from None


def _priority(name: str) -> Priority:
    try:
        return Priority(name or "UNSPECIFIED")
    except ValueError:
        raise FormError(f"there is no priority {name!r}") from None
