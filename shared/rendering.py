"""Templates: compiled once, checked against a context at acceptance, rendered at delivery.

Gateway and workers use the same code, so that what was accepted can be rendered.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from liquid.exceptions import LiquidError, ResourceLimitError, UndefinedError
from liquid.template import BoundTemplate
from markupsafe import escape

from shared.error_bounds import fit, quoted
from shared.liquid_bounds import BoundedEnvironment
from shared.locales import nearest
from shared.plain_text import plain_text

#: Longest text of a template, bytes.
MAX_TEXT = 65_536
#: Most outputs and tags in one text.
MAX_MARKUP = 2_000
#: Longest words of the parser that are passed on, and longest name of a variable, bytes: they quote the template.
LONGEST_LINE = 120

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# What a browser strips before it reads a URL's scheme must not hide the scheme.
_ACTIVE_URL = re.compile(
    r"^[\x00-\x20]*(?:j\s*a\s*v\s*a|v\s*b)\s*s\s*c\s*r\s*i\s*p\s*t\s*:|^[\x00-\x20]*data\s*:", re.I
)
_BLOCKED_URL = "about:blank"


class RenderError(Exception):
    """A template, or a template with a context, that cannot be rendered."""

    def __init__(self, reason: str, message: str, variable: str = "") -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason  # TEMPLATE_SYNTAX, TEMPLATE_TOO_LARGE, MISSING_VARIABLE, RENDER_LIMIT, ...
        self.message = message
        self.variable = variable  # the missing one, if that is the reason


@dataclass(frozen=True)
class Text:
    """What a template says by one channel ("" for any) in one language ("" for the default)."""

    channel: str
    locale: str
    subject: str
    body: str
    html_body: str


@dataclass(frozen=True)
class Rendered:
    """What a recipient sees. ``html_body`` is empty where the template has none."""

    subject: str
    body: str
    html_body: str
    locale: str


@functools.cache
def _plain() -> BoundedEnvironment:
    return BoundedEnvironment(autoescape=False)


@functools.cache
def _html() -> BoundedEnvironment:
    return BoundedEnvironment(autoescape=True)


class CompiledTemplate:
    """One version of a template, parsed. Raises :class:`RenderError` if a text cannot be parsed."""

    def __init__(self, texts: Sequence[Text], default_locale: str) -> None:
        self._default_locale = default_locale or "en"
        self._texts = [_CompiledText(text) for text in texts]

    @property
    def variables(self) -> frozenset[str]:
        """Names that a context may have to hold: all that any of the texts uses."""
        return frozenset().union(*(text.variables for text in self._texts))

    def check(self, channel: str, locale: str, context: Mapping[str, object]) -> None:
        """Raises what :meth:`render` would raise, at less cost where the text is plain."""
        text = self._choose(channel, locale)
        if not text.plainly_renders(context):
            text.render(context, locale)

    def render(self, channel: str, locale: str, context: Mapping[str, object]) -> Rendered:
        """Renders the best content for ``channel`` and ``locale``; raises :class:`RenderError`."""
        text = self._choose(channel, locale)
        return text.render(context, text.text.locale or self._default_locale)

    def _choose(self, channel: str, locale: str) -> _CompiledText:
        """Own channel before any; then the nearest language, the nearest to the default, the first."""
        candidates = [t for t in self._texts if t.text.channel == channel] or [
            t for t in self._texts if not t.text.channel
        ]
        if not candidates:
            raise RenderError("NO_CONTENT_FOR_CHANNEL", f"the template says nothing by {channel}")
        offered = [candidate.text.locale or self._default_locale for candidate in candidates]
        return candidates[nearest((locale, self._default_locale), offered) or 0]


class _CompiledText:
    """One text of a template: subject, body and HTML, parsed."""

    def __init__(self, text: Text) -> None:
        self.text = text
        self._subject = _Part(_parse(_plain(), "subject", text.subject))
        self._body = _Part(_parse(_plain(), "body", text.body))
        self._html = _Part(_parse(_html(), "html_body", text.html_body), is_html=True)
        parts = (self._subject, self._body, self._html)
        self.variables = frozenset(name for part in parts for name in part.variables)
        self._is_plain = all(part.is_plain for part in parts)

    def plainly_renders(self, context: Mapping[str, object]) -> bool:
        """True if it is certain, without rendering, that the context will do."""
        if not self._is_plain or any(context.get(name) is None for name in self.variables):
            return False
        if any(
            isinstance(context[name], list | dict | str) and len(str(context[name])) > 4096 for name in self.variables
        ):
            return False
        return not any(_CONTROL.search(str(context[name])) for name in self._subject.variables)

    def render(self, context: Mapping[str, object], locale: str) -> Rendered:
        subject = self._subject.render(context)
        if _CONTROL.search(subject):
            raise RenderError("CONTROL_CHARACTER", "the subject would hold a line break or a control character")
        return Rendered(subject, self._body.render(context), self._html.render(context), locale)


class _Part:
    """Subject, body or HTML of a text, parsed."""

    def __init__(self, template: BoundTemplate, *, is_html: bool = False) -> None:
        self._template = template
        self._is_html = is_html
        self._plain = plain_text(template, _escaped if is_html else str)
        self.variables = frozenset(template.global_variables())

    @property
    def is_plain(self) -> bool:
        """True if it is nothing but words and ``{{ name }}``."""
        return self._plain is not None

    def render(self, context: Mapping[str, object]) -> str:
        """Raises :class:`RenderError`."""
        filled = self._plain.fill(context) if self._plain else None
        if filled is not None:
            return filled
        values = {name: _harmless(value) for name, value in context.items()} if self._is_html else context
        return _render(self._template, values)


def _parse(environment: BoundedEnvironment, part: str, source: str) -> BoundTemplate:
    if len(source.encode("utf-8", "replace")) > MAX_TEXT or source.count("{{") + source.count("{%") > MAX_MARKUP:
        raise RenderError("TEMPLATE_TOO_LARGE", f"{part} is longer than 64 KiB or has more than {MAX_MARKUP} tags")
    try:
        template = environment.from_string(source)
    except LiquidError as error:
        raise RenderError("TEMPLATE_SYNTAX", f"{part}: {_first_line(error)}") from None
    except RecursionError:
        raise RenderError("TEMPLATE_SYNTAX", f"{part}: nested too deeply") from None
    unknown = sorted(set(template.filter_names()) - environment.filters.keys())
    if unknown:
        raise RenderError("TEMPLATE_SYNTAX", f"{part}: there is no filter {quoted(unknown[0])}")
    return template


def _render(template: BoundTemplate, context: Mapping[str, object]) -> str:
    try:
        return template.render(context)
    except UndefinedError as error:
        variable = _first_line(error).removesuffix(" is undefined").strip("'")
        raise RenderError("MISSING_VARIABLE", f"the context does not hold {quoted(variable)}", variable) from None
    except ResourceLimitError:
        raise RenderError("RENDER_LIMIT", "the text would grow too large or take too long") from None
    except (LiquidError, RecursionError, ArithmeticError, ValueError, TypeError):
        # A library's message may quote the context's values, which are personal.
        raise RenderError("RENDER_FAILED", "the template cannot be rendered with this context") from None


def _escaped(value: str) -> str:
    return str(escape(_harmless(value)))


def _harmless(value: object) -> object:
    """The value, with URLs that would run a script taken out: escaping does not stop them in an attribute."""
    if isinstance(value, str):
        return _BLOCKED_URL if _ACTIVE_URL.search(value) else value
    if isinstance(value, Mapping):
        return {key: _harmless(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_harmless(inner) for inner in value]
    return value


def _first_line(error: Exception) -> str:
    return fit(str(error).partition("\n")[0], LONGEST_LINE)
