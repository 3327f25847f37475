"""Texts of nothing but words and ``{{ name }}``, which most are: put together without Liquid, many times as fast."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.output import OutputNode
from liquid.template import BoundTemplate

from shared.liquid_bounds import MAX_OUTPUT

#: Longest result, characters: in UTF-8, in which Liquid counts, it surely keeps within its bound.
_LONGEST = MAX_OUTPUT // 4


class PlainText:
    """One such text. ``escape`` is put on every value that is a string."""

    def __init__(self, parts: list[str], places: list[tuple[int, str]], escape: Callable[[str], str]) -> None:
        self._parts = parts
        self._places = places
        self._escape = escape

    def fill(self, context: Mapping[str, object]) -> str | None:
        """The text as Liquid would render it; None where only Liquid itself can tell."""
        parts = self._parts.copy()
        for at, name in self._places:
            value = context.get(name)
            if type(value) is str and "\r" not in value:  # Liquid's buffer makes other line ends of it
                parts[at] = self._escape(value)
            elif type(value) is int:
                parts[at] = str(value)
            else:
                return None
        text = "".join(parts)
        return text if len(text) <= _LONGEST else None


def plain_text(template: BoundTemplate, escape: Callable[[str], str]) -> PlainText | None:
    """The template as a plain text; None if it is more than that."""
    parts: list[str] = []
    places: list[tuple[int, str]] = []
    for node in template.nodes:
        if isinstance(node, ContentNode):
            parts.append(node.text)
            continue
        name = _plain_name(node)
        if name is None:
            return None
        places.append((len(parts), name))
        parts.append("")
    return None if any("\r" in part for part in parts) else PlainText(parts, places, escape)


def _plain_name(node: object) -> str | None:
    """What an output names, if it is a name alone."""
    if not isinstance(node, OutputNode) or not isinstance(node.expression, FilteredExpression):
        return None
    path = node.expression.left
    if node.expression.filters or not isinstance(path, Path) or len(path.path) != 1:
        return None
    return path.path[0] if isinstance(path.path[0], str) else None
