"""Where in HTML a value comes to stand, and so what may be written there.

Escaping is not enough everywhere: a link may run a script, an attribute without quotes ends at a blank, and in a script
or style entities mean nothing. So the template's own text is followed as it is written, by the tokens of the HTML
standard (section 13.2.5), and each value is written as its place asks.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import NamedTuple

from shared.text.liquid.bounds import STEP

#: Attributes that take an address, also behind a prefix such as xlink:.
_URL_ATTRIBUTES = frozenset(
    (
        *("href", "src", "srcset", "imagesrcset", "action", "formaction", "background", "poster", "cite", "data"),
        *("longdesc", "manifest", "codebase", "classid", "profile", "usemap", "icon", "dynsrc", "lowsrc", "ping"),
        *("from", "to", "values", "by", "archive"),
    )
)
#: Elements whose text is no HTML.
_RAW = frozenset(("script", "style"))

#: A comment's beginning; one for Outlook alone ("[if mso]>") holds HTML, and one that ends at once nothing.
_COMMENT = re.compile(r"<!--(-?>|\[if[^\]]*\]>)?", re.I)
# Attributes, and tags but those of scripts and styles, that are whole: passed over at once. Every part can match in
# one way only (a name is followed by no more of it), so that nothing is tried twice. Possessive quantifiers would say
# so, but before Python 3.11.5 they match wrongly within a group.
_ATTRIBUTES = (
    r"(?:[\s/]*[^\s/>=]+(?![^\s/>=])(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'>][^\s>]*(?=[\s>]))|(?=\s*[^\s=])))*"
)
_WHOLE_ATTRIBUTES = re.compile(_ATTRIBUTES)
_WHOLE_TAGS = re.compile(rf"(?:[^<]*</?(?!script|style)[a-z][^\s/>]*(?=[\s/>]){_ATTRIBUTES}[\s/]*>)*", re.I)
_NAME = re.compile(r"[^\s/>=]*")
_SPACE = re.compile(r"[\s/]*")
_BLANK = re.compile(r"\s*")
_UNQUOTED = re.compile(r"[^\s>]*")
#: What a browser takes out of an address or before it.
_IGNORED = re.compile(r"[\x00-\x20\x7f-\xa0\u200b\u2028\u2029\ufeff]")
#: What no scheme holds; with it, or its colon, an address has the scheme that it has.
_NO_SCHEME = re.compile(r"[^a-z0-9+.-]")
_ACTIVE = ("javascript:", "vbscript:", "livescript:", "data:")
#: Longer than each of them.
_LONGEST_SCHEME = 16
#: Most characters of a piece of an address that are looked at; only those that are taken out could be more.
_LONGEST_HIDING = 4096
#: The end of a meta element's content behind which an address comes.
_REFRESH = re.compile(r"url\s*=\s*[\"']?\s*\Z", re.I)
#: The end of a style up to which an address is open: url( with or without a quote.
_OPEN_URL = re.compile(r"url\(\s*[\"']?[^\"')]*\Z", re.I)


class Place(NamedTuple):
    """A state between two characters of HTML."""

    #: text, open (in a tag's name), tag (between attributes), name (in an attribute's), named, before (a value), value,
    #: raw (a script or style), comment.
    kind: str = "text"
    tag: str = ""
    attribute: str = ""
    quote: str = ""
    #: What was written of the value or style so far, as far as it matters.
    written: str = ""
    #: Whether any of it came from a value.
    theirs: bool = False

    @property
    def meaning(self) -> str:
        """What a value here is: text, markup, plain, url, script, style, document or comment."""
        if self.kind == "raw":
            return "style" if self.tag == "style" else "script"
        if self.kind in ("before", "value"):
            meaning = meaning_of(self.attribute)
            return "script" if meaning == "url" and self.written.startswith(_ACTIVE[:3]) else meaning
        return {"text": "text", "comment": "comment"}.get(self.kind, "markup")

    @property
    def is_list(self) -> bool:
        """Whether the attribute takes addresses separated by commas."""
        return self.attribute in ("srcset", "imagesrcset")

    @property
    def is_refresh(self) -> bool:
        """Whether a value here is the address that a page goes on to by itself."""
        return self.tag == "meta" and self.attribute == "content" and self.written == "url="

    @property
    def is_unquoted(self) -> bool:
        """Whether a value here is, or begins, an attribute's without quotes."""
        return self.kind == "before" or (self.kind == "value" and not self.quote)


def meaning_of(attribute: str) -> str:
    """What a value of an attribute is: plain, url, script, style or document."""
    if attribute.startswith("on"):
        return "script"
    if attribute == "style":
        return "style"
    if attribute == "srcdoc":
        return "document"
    return "url" if attribute.rpartition(":")[2] in _URL_ATTRIBUTES else "plain"


def follow(place: Place, text: str, charge: Callable[[int], None] = lambda units: None) -> Place:
    """The place after ``text``, which is HTML. ``charge`` is asked before each step."""
    at = 0
    while at < len(text):
        charge(2 * STEP)
        place, at = _STEPS[place.kind](place, text, at)
    return place


def _text(place: Place, text: str, at: int) -> tuple[Place, int]:
    at = _end(_WHOLE_TAGS, text, at)
    at = text.find("<", at)
    if at < 0:
        return place, len(text)
    if comment := _COMMENT.match(text, at):
        return (Place("comment") if comment[1] is None else place), comment.end()
    following = text[at + 1 : at + 2]
    if following and not (following.isalpha() or following in "/!?"):
        return place, at + 1
    return Place("open"), at + 1


def _open(place: Place, text: str, at: int) -> tuple[Place, int]:
    """In a tag's name; a closing tag's begins with its slash."""
    end = at
    while end < len(text) and text[end] not in " \t\n\r\f>" and not (text[end] == "/" and place.tag + text[at:end]):
        end += 1
    tag = (place.tag + text[at:end]).lower()[:32]
    return (Place("open", tag) if end == len(text) else Place("tag", tag)), end


def _tag(place: Place, text: str, at: int) -> tuple[Place, int]:
    at = _end(_SPACE, text, _end(_WHOLE_ATTRIBUTES, text, at))
    if at == len(text):
        return place, at
    if text[at] == ">":
        return (Place("raw", place.tag) if place.tag in _RAW else Place()), at + 1
    return Place("name", place.tag), at


def _name(place: Place, text: str, at: int) -> tuple[Place, int]:
    # A name may begin with what is no part of one later.
    end = _end(_NAME, text, at + (not place.attribute))
    attribute = (place.attribute + text[at:end]).lower()[:64]
    return place._replace(kind="name" if end == len(text) else "named", attribute=attribute), end


def _named(place: Place, text: str, at: int) -> tuple[Place, int]:
    at = _end(_BLANK, text, at)
    if at == len(text):
        return place, at
    if text[at] == "=":
        return place._replace(kind="before"), at + 1
    return Place("tag", place.tag), at


def _before(place: Place, text: str, at: int) -> tuple[Place, int]:
    at = _end(_BLANK, text, at)
    if at == len(text):
        return place, at
    if text[at] in "\"'":
        return place._replace(kind="value", quote=text[at]), at + 1
    if text[at] == ">":
        return Place("tag", place.tag), at
    return place._replace(kind="value", quote=""), at


def _value(place: Place, text: str, at: int) -> tuple[Place, int]:
    if place.quote:
        end = text.find(place.quote, at)
        ends, after = end >= 0, end + 1
        end = end if ends else len(text)
    else:
        end = after = _end(_UNQUOTED, text, at)
        ends = end < len(text)
    if ends:
        return Place("tag", place.tag), after
    return place._replace(written=written(place, text[at:end])), end


def _raw(place: Place, text: str, at: int) -> tuple[Place, int]:
    found = re.compile(f"</{place.tag}(?=[\\s/>])", re.I).search(text, at)
    if found is None:
        return place._replace(written=written(place, text[at:])), len(text)
    return Place("tag", f"/{place.tag}"), found.end()


def _comment(place: Place, text: str, at: int) -> tuple[Place, int]:
    end = text.find("-->", at)
    return (place, len(text)) if end < 0 else (Place(), end + 3)


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


_STEPS = {
    "text": _text,
    "open": _open,
    "tag": _tag,
    "name": _name,
    "named": _named,
    "before": _before,
    "value": _value,
    "raw": _raw,
    "comment": _comment,
}


def written(place: Place, more: str) -> str:
    """What is to be remembered of an attribute's value, or of a style, when ``more`` was written."""
    meaning = meaning_of(place.attribute) if place.kind != "raw" else place.meaning
    if meaning == "url":
        if place.is_list and "," in more:  # the next address begins
            return normal(more.rpartition(",")[2])
        return place.written if is_decided(place.written) else normal(place.written + normal(more))
    if place.tag == "meta" and place.attribute == "content":
        return "url=" if _REFRESH.search((place.written + more)[-64:]) else ""
    if meaning == "style":
        return "url(" if _OPEN_URL.search((place.written + more)[-512:]) else ""
    return ""


def normal(url: str) -> str:
    """The beginning of an address as a browser reads it: entities read, controls and blanks taken out, small letters.

    Entities are read twice, for programs that do.
    """
    return _IGNORED.sub("", html.unescape(html.unescape(url[:_LONGEST_HIDING])))[:_LONGEST_SCHEME].lower()


def is_decided(beginning: str) -> bool:
    """Whether no more text can change what scheme an address has."""
    return len(beginning) >= _LONGEST_SCHEME or bool(_NO_SCHEME.search(beginning))


def is_active(beginning: str) -> bool:
    """Whether an address would run, or hold, what somebody wrote."""
    return beginning.startswith(_ACTIVE)
