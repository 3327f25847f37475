"""How many segments a text takes as SMS (3GPP TS 23.038 and 23.040).

A text in the short alphabet, GSM-7, takes 160 septets alone and 153 a segment when split; one character outside of it
turns the whole text into UCS-2, with 70 and 67 code units. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

#: The alphabet, each of whose characters takes one septet.
BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
#: Reached by an escape, so each takes two.
EXTENDED = frozenset("\f^{}\\[~]|€")
_GSM_7 = BASIC | EXTENDED


class SmsSize(NamedTuple):
    """What a text takes. ``unicode_character`` is the first character that GSM-7 lacks; empty where it lacks none."""

    segments: int  # an empty text takes one
    unicode_character: str = ""

    @property
    def encoding(self) -> str:
        """Its name in the contract."""
        return "UCS_2" if self.unicode_character else "GSM_7"


def is_gsm_7(sign: str) -> bool:
    """Whether the short alphabet has the character."""
    return sign in _GSM_7


def measure(text: str) -> SmsSize:
    """The segments that ``text`` takes, and why."""
    unicode_character = next((sign for sign in text if sign not in _GSM_7), "")
    if unicode_character:
        lengths = (2 if ord(sign) > 0xFFFF else 1 for sign in text)
        return SmsSize(_segments(lengths, alone=70, split=67), unicode_character)
    return SmsSize(_segments((2 if sign in EXTENDED else 1 for sign in text), alone=160, split=153))


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
