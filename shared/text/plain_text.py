"""Texts of nothing but words and ``{{ name }}``, which most are: put together without Liquid, many times as fast."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from liquid.ast import Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.output import OutputNode
from liquid.template import BoundTemplate
from markupsafe import escape

from shared.text.liquid.bounds import MAX_OUTPUT
from shared.text.liquid.html_places import Place, follow, is_decided
from shared.text.liquid.html_values import harmless_url
from shared.text.liquid.nodes import Toll
from shared.text.liquid.words import decimal_text

#: Longest result, characters: in UTF-8, in which Liquid counts, it surely keeps within its bound.
_LONGEST = MAX_OUTPUT // 4
#: What escaping makes of one character at the most, and of a whole value however short it is.
_GROWTH, _LEAST = 5, 16

Escape = Callable[[str], str]


class PlainText:
    """One such text. ``places`` says where which variable stands, and how it is escaped there if it is a string."""

    def __init__(self, parts: list[str], places: list[tuple[int, str, Escape]]) -> None:
        self._parts = parts
        self._places = places
        free = _LONGEST - sum(map(len, parts))
        #: Values of so many characters, or fewer, fit wherever they stand.
        self.room = (free // len(places) - _LEAST) // _GROWTH if places else free

    @property
    def words(self) -> str:
        """All that is the same whatever the values are."""
        return "".join(self._parts)

    def fill(self, context: Mapping[str, object]) -> str | None:
        """The text as Liquid would render it; None where only Liquid itself can tell."""
        parts = self._parts.copy()
        for at, name, escaped in self._places:
            value = context.get(name)
            if type(value) is str and "\r" not in value:  # Liquid makes other line ends of it
                parts[at] = escaped(value)
            elif type(value) is int:
                parts[at] = str(value)
            elif type(value) is float and math.isfinite(value):
                parts[at] = decimal_text(value)
            else:
                return None
        text = "".join(parts)
        return text if len(text) <= _LONGEST else None


def plain_text(template: BoundTemplate) -> PlainText | None:
    """The template as a plain text; None if it is more than that."""
    parts: list[str] = []
    names: list[tuple[int, str]] = []
    for node in template.nodes:
        if isinstance(node, ContentNode):
            parts.append(node.text)
        elif (name := _plain_name(node)) is not None:
            names.append((len(parts), name))
            parts.append("")
        elif not isinstance(node, Toll):
            return None
    if any("\r" in part for part in parts):
        return None
    escapes = _escapes(parts, {at for at, _ in names}) if template.env.autoescape else [str] * len(names)
    return None if escapes is None else PlainText(parts, [(*named, escapes[n]) for n, named in enumerate(names)])


def _plain_name(node: Node) -> str | None:
    """What an output names, if it is a name alone."""
    if not isinstance(node, OutputNode) or not isinstance(node.expression, FilteredExpression):
        return None
    path = node.expression.left
    if node.expression.filters or not isinstance(path, Path) or len(path.path) != 1:
        return None
    return path.path[0] if isinstance(path.path[0], str) else None


def _escapes(parts: Sequence[str], places: set[int]) -> list[Escape] | None:
    """How a value is escaped at each of some places in HTML; None if one asks for more than a look at the value."""
    escapes: list[Escape] = []
    place = Place()
    for at, part in enumerate(parts):
        if at not in places:
            place = follow(place, part)
            continue
        after = parts[at + 1] if at + 1 < len(parts) else ""
        if place.is_unquoted or place.is_list or place.is_refresh:
            return None
        if place.meaning in ("text", "plain", "comment") or (place.meaning == "url" and is_decided(place.written)):
            escapes.append(_escaped)
        elif place.meaning == "url" and not place.written and after[:1] in (place.quote, "/", "?", "#"):
            escapes.append(harmless_url)
            place = place._replace(written="/")  # whatever it is, its scheme is decided
        else:
            return None
    return escapes


def _escaped(value: str) -> str:
    return str(escape(value))
