"""Templates: compiled once, checked against a context at acceptance, rendered at delivery.

Gateway and workers use the same code, so that what was accepted can be rendered.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from liquid.exceptions import LiquidError, LiquidInterrupt, ResourceLimitError, UndefinedError

from shared.saying import layers
from shared.text.error_bounds import fit, quoted
from shared.text.liquid.bounds import MAX_EXPRESSIONS, MAX_MARKUP, MAX_TEXT, too_much
from shared.text.liquid.context import BoundedContext
from shared.text.liquid.environment import BoundedEnvironment, BoundedTemplate
from shared.text.liquid.explaining import failure, missing_variable, refusal
from shared.text.liquid.tree import members_of, variables_of
from shared.text.liquid.unfit_value import UnfitValue
from shared.text.locales import nearest
from shared.text.plain_text import plain_text
from shared.text.weaving import MAX_WOVEN

#: Longest words of the parser that are passed on, bytes: they quote the template.
LONGEST_LINE = 120

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
#: Most choices of a text that a template remembers.
_MOST_CHOSEN = 100
_MARKUP = re.compile(r"\{[{%][^{}%]*")
_HOLDS = f"or holds more than {MAX_MARKUP:,} tags or {MAX_EXPRESSIONS // 1024} KiB within tags"


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
    #: What it says beside these, by the contract's names, nested (:mod:`shared.saying`).
    said: Mapping[str, Any] = field(default_factory=dict)
    #: What ``strings`` is in it; None: a variable of the context like any other.
    strings: Mapping[str, str] | None = None
    #: Who it comes from: a registered sender's name; empty: it says nothing of that.
    sender: str = ""
    #: Names of strings that its language lacks, and that are the default language's.
    lacking: Sequence[str] = ()
    #: What is rendered in the place of texts that take fragments in, by the parts' names.
    woven: Mapping[str, str] = field(default_factory=dict)
    #: Whether its HTML is written as MJML.
    mjml: bool = False
    #: Names of fragments that its language lacks.
    lacking_fragments: Sequence[str] = ()

    def own_strings(self) -> list[tuple[str, str]]:
        """Those of its own language."""
        return [(name, words) for name, words in (self.strings or {}).items() if name not in self.lacking]

    def parts(self) -> dict[str, str]:
        """All that is Liquid in it, by name: "subject", or the path "push.link"."""
        sources = {**{name: getattr(self, name) for name in OWN_PARTS}, **dict(layers.texts(self.said))}
        return {**sources, **self.woven} if self.woven else sources


@dataclass(frozen=True)
class Rendered:
    """What a recipient sees. ``html_body`` is empty where the template has none."""

    subject: str
    body: str
    html_body: str
    locale: str
    said: Mapping[str, Any] = field(default_factory=dict)


@functools.cache
def _environment(*, autoescape: bool, woven: bool) -> BoundedEnvironment:
    return BoundedEnvironment(autoescape=autoescape, woven=woven)


#: The variable that holds a language's strings.
STRINGS = "strings"
#: What every text has that is Liquid.
OWN_PARTS = ("subject", "body", "html_body")
#: Parts that may hold more than a line, or how their names begin: all else becomes a header, a title, a name.
_LINES = ("body", "html_body", "push.data.")


def is_one_line(part: str) -> bool:
    """Whether a part must not hold a line break."""
    return not part.startswith(_LINES)


class CompiledTemplate:
    """One version of a template, parsed. Raises :class:`RenderError` if a text cannot be parsed.

    ``lazily``, each text is parsed when it is first chosen, and only then refused.
    """

    def __init__(self, texts: Sequence[Text], default_locale: str, *, lazily: bool = False) -> None:
        self._default_locale = default_locale or "en"
        self._texts = texts
        self._compiled: dict[int, _CompiledText] = {}
        self._chosen: dict[tuple[str, str], int] = {}
        if not lazily:
            for n in range(len(texts)):
                self._compiled_at(n)

    @property
    def variables(self) -> frozenset[str]:
        """Names that a context may have to hold: all that any of the texts uses."""
        return frozenset().union(*(self._compiled_at(n).variables for n in range(len(self._texts))))

    @property
    def weight(self) -> int:
        """About how much memory it takes with all texts parsed, bytes."""
        strings = sum(200 + 2 * len(value) for text in self._texts for value in (text.strings or {}).values())
        replaced = sum(2 * len(text.html_body) for text in self._texts if text.woven)
        return strings + replaced + sum(_weight(source) for text in self._texts for source in text.parts().values())

    def is_quick(self, channel: str, locale: str, context: Mapping[str, object]) -> bool:
        """True if rendering is filling in words and numbers; False if it may take some 50 ms."""
        try:
            text = self._compiled.get(self._choose(channel, locale))
        except RenderError:
            return True  # so is refusing
        return text is not None and text.is_quick(context)

    def surely_renders(self, channel: str, locale: str, context: Mapping[str, object]) -> bool:
        """True only if :meth:`render` would refuse nothing, at a fifth of its cost; False says nothing."""
        n = self._chosen.get((channel, locale))
        text = None if n is None else self._compiled.get(n)
        return text is not None and text.surely_renders(context)

    def render(self, channel: str, locale: str, context: Mapping[str, object]) -> Rendered:
        """Renders the best content for ``channel`` and ``locale``; raises :class:`RenderError`."""
        text = self._compiled_at(self._choose(channel, locale))
        return text.render(context, text.text.locale or self._default_locale)

    def text(self, channel: str, locale: str) -> Text:
        """What :meth:`render` would take; raises :class:`RenderError` where there is nothing."""
        return self._texts[self._choose(channel, locale)]

    def _compiled_at(self, n: int) -> _CompiledText:
        text = self._compiled.get(n)
        if text is None:
            text = self._compiled[n] = _CompiledText(self._texts[n])
        return text

    def _choose(self, channel: str, locale: str) -> int:
        n = self._chosen.get((channel, locale))
        if n is None:
            n = self._best(channel, locale)
            if len(self._chosen) < _MOST_CHOSEN:
                self._chosen[channel, locale] = n
        return n

    def _best(self, channel: str, locale: str) -> int:
        """Own channel before any; then the nearest language, the nearest to the default, the first."""
        candidates = [n for n, text in enumerate(self._texts) if text.channel == channel] or [
            n for n, text in enumerate(self._texts) if not text.channel
        ]
        if not candidates:
            raise RenderError("NO_CONTENT_FOR_CHANNEL", f"the template says nothing by {channel}")
        offered = [self._texts[n].locale or self._default_locale for n in candidates]
        return candidates[nearest((locale, self._default_locale), offered) or 0]


class _CompiledText:
    """One text of a template: subject, body and HTML, parsed."""

    def __init__(self, text: Text) -> None:
        self.text = text
        self._parts = {
            name: _Part(_parse(name, source, woven=name in text.woven)) for name, source in text.parts().items()
        }
        found = frozenset(name for part in self._parts.values() for name in part.variables)
        self.variables = found if text.strings is None else found - {STRINGS}
        plain = {name: part.plain for name, part in self._parts.items()}
        self._is_plain = None not in plain.values()
        #: Longest value that surely fits, characters; below zero: not even that can be told.
        self._room = min(part.room if part else -1 for part in plain.values())
        if any(part and CONTROL.search(part.words) for name, part in plain.items() if is_one_line(name)):
            self._room = -1
        self._has_html = bool(text.html_body)
        if text.said or "cid:" in text.html_body:
            self._room = -1  # each part of it has rules of its own, which look at what was rendered

    def surely_renders(self, context: Mapping[str, object]) -> bool:
        """True if all that it takes are words of one line, or whole numbers, that fit."""
        for name in self.variables:
            value = context.get(name)
            if type(value) is int:
                value = str(value)
            if type(value) is not str or len(value) > self._room or CONTROL.search(value):
                return False
            if self._has_html and "cid:" in value:
                return False
        return self._room >= 0

    def is_quick(self, context: Mapping[str, object]) -> bool:
        """True if nothing of it, or of what stands in the context, is more than words and numbers."""
        return self._is_plain and not any(isinstance(context.get(name), list | dict) for name in self.variables)

    def render(self, context: Mapping[str, object], locale: str) -> Rendered:
        words = {}
        if self.text.strings is not None:
            context = {**context, STRINGS: self.text.strings}
        for name, part in self._parts.items():
            words[name] = part.render(context)
            if is_one_line(name) and CONTROL.search(words[name]):
                raise RenderError("CONTROL_CHARACTER", f"the {name} would hold a line break or a control character")
        said = layers.with_texts(self.text.said, words.__getitem__) if self.text.said else self.text.said
        return Rendered(words["subject"], words["body"], words["html_body"], locale, said)


class _Part:
    """One part of a text, parsed."""

    def __init__(self, template: BoundedTemplate) -> None:
        self._template = template
        #: Set if it is nothing but words and ``{{ name }}``.
        self.plain = plain_text(template)
        self.variables = variables_of(template)

    def render(self, context: Mapping[str, object]) -> str:
        """Raises :class:`RenderError`."""
        filled = self.plain.fill(context) if self.plain else None
        return _render(self._template, context) if filled is None else filled


def variables_in(part: str, text: Text) -> frozenset[str]:
    """The names that a context must hold for this part; raises :class:`RenderError` if it cannot be parsed.

    A string that it names and the text does not hold is refused too.
    """
    template = _parse(part, text.parts()[part], woven=part in text.woven)
    variables = variables_of(template)
    if text.strings is None:
        return variables
    missing = members_of(template, STRINGS) - text.strings.keys() - _OF_ANY
    if missing:
        name = f"{STRINGS}.{min(missing)}"
        words = f"{part}: neither the language nor the template's own has {quoted(name)}"
        raise RenderError("MISSING_VARIABLE", words, name)
    return variables - {STRINGS}


#: What Liquid knows of any list of names.
_OF_ANY = {"size", "first"}


def _parse(part: str, source: str, *, woven: bool = False) -> BoundedTemplate:
    try:
        if len(source.encode("utf-8", "replace")) > (MAX_WOVEN if woven else MAX_TEXT):
            raise too_much()
        # Values are escaped in HTML alone.
        return _environment(autoescape=part == "html_body", woven=woven).compiled(source)
    except (ResourceLimitError, RecursionError):
        longest = MAX_WOVEN if woven else MAX_TEXT
        raise RenderError("TEMPLATE_TOO_LARGE", f"{part} is longer than {longest // 1024} KiB, {_HOLDS}") from None
    except LiquidError as error:
        raise RenderError(
            "TEMPLATE_SYNTAX", f"{part}: {'' if woven else _place(error, source)}{_first_line(error)}"
        ) from None
    except Exception:  # whatever the library makes of a text, it is the text that is wrong
        raise RenderError("TEMPLATE_SYNTAX", f"{part}: cannot be read as Liquid") from None


def _render(template: BoundedTemplate, values: Mapping[str, object]) -> str:
    context = BoundedContext(template, globals=values)
    try:
        return template.filled(context)
    except UndefinedError as error:
        variable = missing_variable(template, error)
        raise RenderError("MISSING_VARIABLE", f"the context does not hold {quoted(variable)}", variable) from None
    except UnfitValue as refused:
        raise RenderError(refused.reason, *refusal(template, context.last_filter, refused)) from None
    except (ResourceLimitError, RecursionError):
        raise RenderError("RENDER_LIMIT", "the text would grow too large or take too long") from None
    except (Exception, LiquidInterrupt) as error:
        # A message of the library or of Python may quote the context's values, which are personal.
        raise RenderError("RENDER_FAILED", *failure(template, context.last_filter, error)) from None


def _weight(source: str) -> int:
    """As measured: text is kept twice at most, and what stands in markup becomes objects."""
    markup = _MARKUP.findall(source)
    return 4 * len(source) + 800 * len(markup) + 100 * sum(map(len, markup))


def _place(error: LiquidError, source: str) -> str:
    """Its line, where there are several and it is known: what is missing at the end has none."""
    token = error.token
    if token is None or token.start_index < 0 or token.source != source or "\n" not in source:
        return ""
    return f"line {source.count(chr(10), 0, token.start_index) + 1}: "


def _first_line(error: Exception) -> str:
    # Its str() also looks for the line it is about, and fails itself where there is none.
    return fit(str(error.args[0] if error.args else "").partition("\n")[0], LONGEST_LINE)
