"""How a value is written at its place in HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

from markupsafe import Markup
from markupsafe import escape as escaped

from shared.text.liquid.html_places import Place, follow, is_active, is_decided, meaning_of, normal, written
from shared.text.liquid.markup import Script

#: What stands where a value would run a script.
BLOCKED_URL = "about:blank"

_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_NOT_IN_SCRIPT = re.compile(r"[^A-Za-z0-9_ ]")
_NOT_IN_STYLE = re.compile(r"[^A-Za-z0-9_ #.,%+-]")
_NOT_IN_STYLE_URL = re.compile(r"[^A-Za-z0-9_:/?#=.~%+,;@!-]")
_NOT_UNQUOTED = re.compile(r"[^A-Za-z0-9_:/?#.~%+,;@!-]")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")
#: An attribute with its value, closed or not; looked for at the beginning of a name alone.
_ATTRIBUTE = re.compile(r"(?<![^\s/>=\"'])([^\s/>=\"']+)\s*=\s*(\"[^\"]*\"?|'[^']*'?|[^\s\"'>][^\s>]*)")

Charge = Callable[[int], None]


def harmless_url(value: str) -> str:
    """``value`` escaped, as the whole beginning of an address; ``about:blank`` for one that would run a script."""
    return BLOCKED_URL if is_active(normal(escaped(value))) else str(escaped(value))


def put(place: Place, value: str, charge: Charge) -> tuple[str, Place]:
    """What to write for ``value``, and the place after it. Text is escaped as its place asks; Markup is HTML."""
    if isinstance(value, Markup):
        return _put_html(place, value, charge)
    text = _WAYS[place.meaning](place, value)
    if place.meaning == "markup":
        return text, follow(place, text, charge)
    if place.kind not in ("before", "value"):
        return text, place
    if place.kind == "before" and not value:
        return "", place
    if place.is_unquoted:
        text = _NOT_UNQUOTED.sub(lambda found: f"&#{ord(found[0])};", html.unescape(text))
    return text, place._replace(kind="value", written=written(place, text), theirs=True)


def _put_html(place: Place, value: Markup, charge: Charge) -> tuple[str, Place]:
    """HTML in text is what it is. Elsewhere it was made without its place being known, and is looked at again."""
    text = str(value)
    if place.meaning in ("text", "comment"):
        return text, follow(place, text, charge)
    if place.meaning in ("script", "style"):
        text = text if isinstance(value, Script) else _WAYS[place.meaning](place, html.unescape(text))
        return text, place
    if place.is_refresh and is_active(normal(text)):
        return BLOCKED_URL, place
    if place.meaning == "url" and _becomes_active(place, text.lstrip(" \"'") if place.kind == "before" else text):
        return BLOCKED_URL, place._replace(kind="value", written="/")
    if _leaves(place, text) and _would_run(text):
        return "", place
    after = follow(place, text, charge)
    return text, after._replace(theirs=True) if after.kind in ("before", "value") else after


def _leaves(place: Place, text: str) -> bool:
    """Whether HTML in a tag may hold attributes of its own, and not only a piece of one's value."""
    return place.meaning == "markup" or place.is_unquoted or place.quote in text


def _would_run(text: str) -> bool:
    """Whether an attribute in HTML that is put into a tag runs a script, or is an address that does."""
    for name, value in _ATTRIBUTE.findall(text):
        meaning = meaning_of(name.lower())
        if meaning == "script" or (meaning == "url" and is_active(normal(value.lstrip("\"'")))):
            return True
    return False


def before(place: Place, text: str) -> str:
    """What must stand before the template's own ``text``, lest it make a script's address of a value's beginning."""
    if not place.theirs or place.meaning != "url" or is_decided(place.written):
        return ""
    own = text.partition(place.quote)[0] if place.quote else re.split(r"[\s>]", text, maxsplit=1)[0]
    own = own.partition(",")[0] if place.is_list else own
    return BLOCKED_URL if is_active(written(place, own)) else ""


def _in_text(place: Place, value: str) -> str:
    return harmless_url(value) if place.is_refresh else str(escaped(value))


def _in_url(place: Place, value: str) -> str:
    text = str(escaped(value))
    return BLOCKED_URL if _becomes_active(place, text) else text


def _becomes_active(place: Place, text: str) -> bool:
    first, *others = text.split(",") if place.is_list else [text]
    if any(is_active(normal(other)) for other in others):
        return True
    return not is_decided(place.written) and is_active(written(place, first))


def _in_script(place: Place, value: str) -> str:
    """As it may stand in a string of a script, in or outside of an attribute; numbers and words everywhere."""
    if _NUMBER.fullmatch(value):
        return value
    return _NOT_IN_SCRIPT.sub(lambda found: _utf16(found[0]), value)


def _utf16(character: str) -> str:
    data = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{data[at : at + 2].hex().upper()}" for at in range(0, len(data), 2))


def _in_style(place: Place, value: str) -> str:
    """Words, numbers and colours as they are, all else by CSS's escapes."""
    if place.written:
        value = BLOCKED_URL if is_active(normal(value)) else value
    allowed = _NOT_IN_STYLE_URL if place.written else _NOT_IN_STYLE
    return allowed.sub(lambda found: f"\\{ord(found[0]):06X}", value)


def _in_document(place: Place, value: str) -> str:
    return str(escaped(str(escaped(value))))


def _in_markup(place: Place, value: str) -> str:
    return _NOT_IN_NAMES.sub("", value)


_WAYS: dict[str, Callable[[Place, str], str]] = {
    "text": _in_text,
    "plain": _in_text,
    "comment": _in_text,
    "url": _in_url,
    "script": _in_script,
    "style": _in_style,
    "document": _in_document,
    "markup": _in_markup,
}
