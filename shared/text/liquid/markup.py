"""The filters that know HTML. What they make is HTML where values are escaped, in ``html_body``, and text elsewhere."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

from markupsafe import Markup
from markupsafe import escape as escaped

from shared.text.liquid.bounds import Budget, charge_text
from shared.text.liquid.words import text_of

#: What escape_once escapes: an ampersand too, unless a whole reference begins with it.
_UNESCAPED = re.compile(r"[\"'<>]|&(?!(?:[A-Za-z][A-Za-z0-9]*|#[0-9]+|#[xX][0-9A-Fa-f]+);)")
_IN_SCRIPTS = {ord(character): f"\\u{ord(character):04X}" for character in "\\'\"<>&=-;`\u2028\u2029$"}
_IN_SCRIPTS |= {number: f"\\u{number:04X}" for number in range(32)}


class Script(Markup):
    """What may stand in a string of a script as it is. Whatever is made of it is HTML, and no longer this."""

    def __new__(cls, text: object = "") -> Markup:  # type: ignore[misc]  # Markup's methods make their results so
        return Markup(text)  # noqa: S704

    @classmethod
    def made(cls, text: str) -> Markup:
        """``text``, in which nothing can end a string or begin code."""
        return str.__new__(cls, text)


def _of_text(change: Callable[[str, bool], str], cost: int = 8) -> Callable[..., str]:
    """A filter without arguments; ``cost`` says how many times as dear as copying it is."""

    def filter_(budget: Budget, left: object, *, autoescape: bool) -> str:
        text = text_of(left, budget)
        charge_text(budget, len(text), cost)
        return change(text, autoescape)

    filter_.knows_html = True  # type: ignore[attr-defined]
    return filter_


def _escape(text: str, autoescape: bool) -> str:
    return escaped(str(text)) if autoescape else html.escape(text)


def _escape_once(text: str, autoescape: bool) -> str:
    done = _UNESCAPED.sub(lambda found: html.escape(found[0]), str(text))
    return Markup(done) if autoescape else done  # noqa: S704  # it is escaped


def _newline_to_br(text: str, autoescape: bool) -> str:
    broken = (escaped(text) if autoescape else text).replace("\r\n", "\n")
    return broken.replace("\n", Markup("<br />\n") if autoescape else "<br />\n")


def _safe(text: str, autoescape: bool) -> str:
    return Markup(text) if autoescape else text  # noqa: S704  # the template's author says so


def _escapejs(text: str, autoescape: bool) -> str:
    done = str(text).translate(_IN_SCRIPTS)
    return Script.made(done) if autoescape else done


FILTERS: dict[str, Callable[..., object]] = {
    "escape": _of_text(_escape),
    "escape_once": _of_text(_escape_once),
    "newline_to_br": _of_text(_newline_to_br),
    "safe": _of_text(_safe),
    "escapejs": _of_text(_escapejs, 32),
}
