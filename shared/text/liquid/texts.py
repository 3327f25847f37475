"""The filters of texts. What they are given is printed as Liquid prints it first: null is blank, true is ``true``."""

from __future__ import annotations

import base64
import binascii
import re
import urllib.parse
from collections.abc import Callable

from shared.text.liquid.bounds import (
    CHARACTERS,
    MAX_ELEMENTS,
    MAX_OUTPUT,
    STEP,
    Budget,
    charge_elements,
    charge_search,
    charge_text,
    too_much,
)
from shared.text.liquid.numbers import whole_of
from shared.text.liquid.unfit_value import UnfitValue
from shared.text.liquid.words import text_of

_SPACE = re.compile(r"\s+")
#: What strip_html takes out together with what stands in it, by its beginning and its end.
_HIDDEN = (("<script", "</script>"), ("<style", "</style>"), ("<!--", "-->"))


def _of_text(change: Callable[[str], str], cost: int = 1) -> Callable[..., str]:
    """A filter without arguments; ``cost`` says how many times as dear as copying it is."""

    def filter_(budget: Budget, left: object) -> str:
        text = text_of(left, budget)
        charge_text(budget, len(text), cost)
        return change(text)

    return filter_


def _append(budget: Budget, left: object, end: object) -> str:
    return _together(budget, text_of(left, budget), text_of(end, budget))


def _prepend(budget: Budget, left: object, start: object) -> str:
    return _together(budget, text_of(start, budget), text_of(left, budget))


def _together(budget: Budget, *texts: str) -> str:
    charge_text(budget, sum(len(text) for text in texts))
    together = texts[0]
    for text in texts[1:]:
        together = together + text  # HTML and text give HTML, with the text escaped
    return together


def _replace(budget: Budget, left: object, old: object, new: object = "") -> str:
    return _replaced(budget, left, old, new, -1)


def _replace_first(budget: Budget, left: object, old: object, new: object = "") -> str:
    return _replaced(budget, left, old, new, 1)


def _remove(budget: Budget, left: object, old: object) -> str:
    return _replaced(budget, left, old, "", -1)


def _remove_first(budget: Budget, left: object, old: object) -> str:
    return _replaced(budget, left, old, "", 1)


def _replaced(budget: Budget, left: object, old: object, new: object, times: int) -> str:
    text, wanted, instead = (text_of(value, budget) for value in (left, old, new))
    charge_search(budget, text, wanted)
    found = text.count(wanted) if times < 0 else 1
    charge_text(budget, len(text) + found * len(instead))
    budget.charge(found // 4)
    return text.replace(wanted, instead, times)


def _replace_last(budget: Budget, left: object, old: object, new: object) -> str:
    text, wanted, instead = (text_of(value, budget) for value in (left, old, new))
    charge_search(budget, text, wanted)
    at = text.rfind(wanted)
    return text if at < 0 else _together(budget, text[:at], instead, text[at + len(wanted) :])


def _remove_last(budget: Budget, left: object, old: object) -> str:
    return _replace_last(budget, left, old, "")


def _slice(budget: Budget, left: object, start: object, length: object = 1) -> object:
    """A part of a text or list; a start below zero counts from the end, and one before the beginning gives nothing."""
    whole = list(left) if isinstance(left, tuple | range) and len(left) <= MAX_ELEMENTS else left
    if not isinstance(whole, list):
        whole = text_of(whole, budget)
    first, count = whole_of(start, 1), whole_of(length, 2)
    first += len(whole) if first < 0 else 0
    count = 0 if first < 0 else max(count, 0)
    part = whole[max(first, 0) : max(first, 0) + count]
    budget.charge(len(part) // (CHARACTERS if isinstance(part, str) else 1))
    return part


def _split(budget: Budget, left: object, separator: object) -> list[str]:
    """The parts; a blank separates at any white space, an empty text between characters. Empty parts at the end go."""
    text, by = text_of(left, budget), text_of(separator, budget)
    if by == " ":
        charge_text(budget, len(text), 8)
        parts = text.split(None, MAX_ELEMENTS)
        charge_elements(budget, len(parts))
    else:
        charge_search(budget, text, by)
        charge_elements(budget, text.count(by) + 1 if by else len(text))
        parts = text.split(by) if by else [type(text)(part) for part in text]
    while parts and not parts[-1]:
        parts.pop()
    return parts


def _truncate(budget: Budget, left: object, length: object = 50, end: object = "...") -> str:
    """At most ``length`` characters, the end's included."""
    text, most, mark = text_of(left, budget), whole_of(length, 1), text_of(end, budget)
    if len(text) <= most:
        return text
    return _together(budget, text[: max(most - len(mark), 0)], mark)


def _truncatewords(budget: Budget, left: object, count: object = 15, end: object = "...") -> str:
    text, most, mark = text_of(left, budget), max(whole_of(count, 1), 1), text_of(end, budget)
    charge_text(budget, len(text), 8)
    words = text.split(None, min(most, MAX_OUTPUT))
    if len(words) <= most:
        return text
    return _together(budget, type(text)(" ").join(words[:most]), mark)


def _strip_html(budget: Budget, left: object) -> str:
    text = text_of(left, budget)
    charge_text(budget, len(text))
    budget.charge(text.count("<") * STEP)
    return _without_tags(text)


def _without_tags(text: str) -> str:
    """Without tags, comments, scripts and styles; each looked for once, so that its time is its length."""
    stripped: list[str] = []
    lower = text.encode("ascii", "replace").decode().lower()  # İ in small letters would be two characters
    at, ends = 0, {}  # type: ignore[var-annotated]
    while (begin := text.find("<", at)) >= 0:
        stripped.append(text[at:begin])
        end = next((end for start, end in _HIDDEN if lower.startswith(start, begin)), ">")
        if end not in ends or 0 <= ends[end] < begin:
            ends[end] = lower.find(end, begin)
        if ends[end] < 0 and end != ">":  # never closed: a tag like any other
            end = ">"
            ends[end] = lower.find(end, begin)
        if ends[end] < 0:
            stripped.append(text[begin:])
            return "".join(stripped)
        at = ends[end] + len(end)
    stripped.append(text[at:])
    return "".join(stripped)


def _decoded(decode: Callable[[bytes], bytes]) -> Callable[..., str]:
    def filter_(budget: Budget, left: object) -> str:
        text = text_of(left, budget)
        charge_text(budget, len(text), 2)
        try:
            return decode(str(text).encode()).decode()
        except (binascii.Error, ValueError):
            raise UnfitValue("RENDER_FAILED", "is not a text in base64") from None

    return filter_


def _url_safe_decoded(data: bytes) -> bytes:
    return base64.b64decode(data, altchars=b"-_", validate=True)


def _of_bytes(encode: Callable[[bytes], bytes]) -> Callable[[str], str]:
    return lambda text: encode(str(text).encode()).decode()


def _capitalize(budget: Budget, left: object) -> str:
    text = text_of(left, budget)
    charge_text(budget, len(text))
    return text.capitalize()


def _bounded_quote(text: str) -> str:
    if len(text) > MAX_OUTPUT // 4:
        raise too_much()
    return urllib.parse.quote_plus(str(text))


FILTERS: dict[str, Callable[..., object]] = {
    "append": _append,
    "prepend": _prepend,
    "capitalize": _capitalize,
    "downcase": _of_text(lambda text: text.lower(), 8),
    "upcase": _of_text(lambda text: text.upper(), 8),
    "strip": _of_text(lambda text: text.strip()),
    "lstrip": _of_text(lambda text: text.lstrip()),
    "rstrip": _of_text(lambda text: text.rstrip()),
    "squish": _of_text(lambda text: _SPACE.sub(" ", text.strip()), 16),
    "strip_html": _strip_html,
    "strip_newlines": _of_text(lambda text: text.replace("\r\n", "").replace("\n", ""), 4),
    "replace": _replace,
    "replace_first": _replace_first,
    "replace_last": _replace_last,
    "remove": _remove,
    "remove_first": _remove_first,
    "remove_last": _remove_last,
    "slice": _slice,
    "split": _split,
    "truncate": _truncate,
    "truncatewords": _truncatewords,
    "url_encode": _of_text(_bounded_quote, 32),
    "url_decode": _of_text(lambda text: urllib.parse.unquote_plus(str(text)), 32),
    "base64_encode": _of_text(_of_bytes(base64.b64encode), 2),
    "base64_url_safe_encode": _of_text(_of_bytes(base64.urlsafe_b64encode), 2),
    "base64_decode": _decoded(lambda data: base64.b64decode(data, validate=True)),
    "base64_url_safe_decode": _decoded(_url_safe_decoded),
}
