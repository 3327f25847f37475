"""Texts for chat services, in which what a caller wrote is text: no markup, and no mention that calls people. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping

#: Left as they are: services make links of them, and show what is escaped in them.
_URL = re.compile(r"(https?://[^\s<>]+)")
#: Signs by which Markdown begins and ends something within a line.
_INLINE = re.compile(r"[\\`*_~|\[\]]")
#: What a line begins with that is a heading, a quotation or a list.
_AT_LINE_START = re.compile(r"^([ \t]*)([#>+-])", re.MULTILINE)
_NUMBER_AT_LINE_START = re.compile(r"^([ \t]*\d+)([.)])", re.MULTILINE)
#: Begins a mention, a time or an emoji of Discord.
_ANGLE = re.compile("<")
#: Begins a mention of Mattermost; and of Slack, which it understands too.
_AT = re.compile(r"@(?=\w)")
_CALL = re.compile(r"@(?=(?:all|channel|here)\b)", re.IGNORECASE)
_SLACK_ANGLE = re.compile(r"<(?=\S)")
#: Takes no room, and parts what would be a mention.
_APART = "\u200b"

#: A title and a text.
Texts = tuple[str, str]


def markdown_escaped(text: str) -> str:
    """Markdown that shows ``text`` as it is. Addresses of pages stay as they are, so that they become links."""
    return "".join(part if n % 2 else _escaped(part, n == 0) for n, part in enumerate(_URL.split(text)))


def _escaped(text: str, begins: bool) -> str:
    """One piece between addresses; unless it ``begins`` the text, its first sign does not begin a line."""
    escaped = _INLINE.sub(r"\\\g<0>", text)
    head, line_end, rest = ("", "", escaped) if begins else escaped.partition("\n")
    rest = _NUMBER_AT_LINE_START.sub(r"\1\\\2", _AT_LINE_START.sub(r"\1\\\2", rest))
    return f"{head}{line_end}{rest}"


def _bold_above(title: str, text: str) -> str:
    return f"**{' '.join(title.split())}**\n{text}" if title.strip() else text


def _for_discord(title: str, body: str) -> Texts:
    shown = (_ANGLE.sub(r"\<", markdown_escaped(text)) for text in (title, body))
    return "", _bold_above(*shown)


def _for_mattermost(title: str, body: str) -> Texts:
    shown = (_uncalling(markdown_escaped(text)) for text in (title, body))
    return "", _bold_above(*shown)


def _uncalling(text: str) -> str:
    parts = _URL.split(text)
    for n, part in enumerate(parts):
        mentions = _CALL if n % 2 else _AT
        parts[n] = _SLACK_ANGLE.sub(f"<{_APART}", mentions.sub(f"@{_APART}", part))
    return "".join(parts)


def _for_teams(title: str, body: str) -> Texts:
    """Adaptive cards begin a new line where one is empty."""
    return " ".join(markdown_escaped(title).split()), markdown_escaped(body).replace("\n", "\n\n")


def _in_one(title: str, body: str) -> Texts:
    return "", f"{title}\n{body}" if title.strip() else body


def _as_given(title: str, body: str) -> Texts:
    return title, body


_FOR: Mapping[str, Callable[[str, str], Texts]] = {
    "discord": _for_discord,
    "mattermost": _for_mattermost,
    "teams": _for_teams,
    "matrix": _in_one,
}


def texts_for(kind: str, title: str, body: str) -> Texts:
    """What Apprise is given to send by a service of this kind; what is markup to the others it escapes itself."""
    return _FOR.get(kind, _as_given)(title, body)


def utf16_units(text: str) -> int:
    """Its length in UTF-16 code units, of which an emoji takes two or more."""
    return len(text.encode("utf-16-le", "replace")) // 2


def utf8_bytes(text: str) -> int:
    """Its length in bytes of UTF-8."""
    return len(text.encode("utf-8", "replace"))


def html_units(text: str) -> int:
    """As :func:`utf16_units`, of the text as HTML has it: ``&`` takes five."""
    return utf16_units(html.escape(text, quote=False))
