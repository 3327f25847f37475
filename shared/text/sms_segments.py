"""How many segments a text takes as SMS (3GPP TS 23.038 and 23.040), and how it is written to take fewer. Pure.

A text in the GSM 7-bit alphabet takes 160 septets alone and 153 a segment when split; one character outside
of it turns the whole text into UCS-2, with 70 and 67 code units.
"""

from __future__ import annotations

from collections.abc import Iterable

from anyascii import anyascii

from shared.channel.table import Channel
from shared.saying.said import Said

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
#: Reached by an escape, so each takes two septets.
_EXTENDED = frozenset("\f^{}\\[~]|€")


_ALPHABET = _BASIC | _EXTENDED


def body_of(channel: Channel | None, body: str, said: Said) -> str:
    """The text as it is sent by ``channel``: transliterated, if that is said and it goes in segments."""
    if not said.sms.transliterate or channel is None or not channel.facts.in_segments:
        return body
    return transliterated(body)


def outsider(text: str) -> str:
    """The first character for which ``text`` cannot be sent in the GSM alphabet; empty: it can."""
    return next((sign for sign in text if sign not in _ALPHABET), "")


def transliterated(text: str) -> str:
    """``text`` with what the GSM alphabet lacks written in its letters; what it has stays, é and € too."""
    if not outsider(text):
        return text
    return "".join(sign if sign in _ALPHABET else _in_letters(sign) for sign in text)


def _in_letters(sign: str) -> str:
    # A line end of another system, and what has no shape in letters, is a space.
    return "".join(letter if letter in _ALPHABET else " " for letter in anyascii(sign).replace("`", "'"))


def count(text: str) -> int:
    """Segments that ``text`` takes; an empty text takes one."""
    if not outsider(text):
        return _segments((2 if sign in _EXTENDED else 1 for sign in text), alone=160, split=153)
    return _segments((2 if ord(sign) > 0xFFFF else 1 for sign in text), alone=70, split=67)


def _segments(lengths: Iterable[int], *, alone: int, split: int) -> int:
    """Fills segments one after another; an escape pair or a surrogate pair is never torn apart."""
    lengths = list(lengths)
    if sum(lengths) <= alone:
        return 1
    segments, used = 1, 0
    for length in lengths:
        if used + length > split:
            segments, used = segments + 1, 0
        used += length
    return segments
