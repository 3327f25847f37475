"""How many segments a text takes as SMS (3GPP TS 23.038 and 23.040).

A text in the GSM 7-bit alphabet takes 160 septets alone and 153 a segment when split; one character outside
of it turns the whole text into UCS-2, with 70 and 67 code units.
"""

from __future__ import annotations

from collections.abc import Iterable

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
#: Reached by an escape, so each takes two septets.
_EXTENDED = frozenset("\f^{}\\[~]|€")


def count(text: str) -> int:
    """Segments that ``text`` takes; an empty text takes one."""
    if all(sign in _BASIC or sign in _EXTENDED for sign in text):
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
