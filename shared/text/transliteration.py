"""Texts written in the letters of the short alphabet of SMS. Pure."""

from __future__ import annotations

import functools
import unicodedata

from shared.text.sms_segments import is_gsm_7

#: What is plain ASCII and yet not in the alphabet.
_NEAREST = str.maketrans({"`": "'", "\t": " ", "\v": "\n"})


def transliterated(text: str) -> str:
    """``text`` with what GSM-7 lacks written in its letters: "Łódź €5" becomes "Lodz €5".

    What the alphabet has stays as it is, "é" and "€" too. A character that nobody knows letters for stays as well.
    """
    if all(map(is_gsm_7, text)):
        return text
    # A letter and its accent may come apart, and be one that the alphabet has.
    composed = unicodedata.normalize("NFC", text)
    return "".join([sign if is_gsm_7(sign) else _written(sign) for sign in composed])


@functools.lru_cache(maxsize=4096)
def _written(sign: str) -> str:
    from anyascii import anyascii  # only who asks for it pays for its tables

    letters = anyascii(sign).translate(_NEAREST)
    if letters or not _is_unknown(sign):
        return "".join(filter(is_gsm_7, letters))
    return sign


def _is_unknown(sign: str) -> bool:
    """Whether there is something to be seen that is written as nothing: of accents, joiners and controls there is not.

    The tables end at rare scripts beyond the first plane; within it, what they leave out is left out by whoever writes
    that script in Latin letters, as Arabic's alef is.
    """
    category = unicodedata.category(sign)
    return category in ("Cn", "Co") or (category == "Lo" and ord(sign) > 0xFFFF)
