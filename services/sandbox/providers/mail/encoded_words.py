"""Encoded words of a header (RFC 2047), read as the standard says and in no other place than it allows."""

from __future__ import annotations

import base64
import binascii
import re

#: A word stands by itself: between white space, or at either end of the text. RFC 2231 adds a language.
_WORD = re.compile(r"=\?([!-)+-<>@-~]+)(?:\*[^?\s]*)?\?([bBqQ])\?([!->@-~]*)\?=")
_GAP = re.compile(r"([ \t]+)")
_QUOTED = re.compile(rb"=([0-9A-Fa-f]{2})")


def decode(text: str) -> str:
    """The text that is meant: between two encoded words white space does not count, all else stays as it is.

    Each word is decoded by itself, as none may hold a part of a character; what is broken in one shows as U+FFFD.
    """
    decoded, after_word, gap = "", False, ""
    for piece in _GAP.split(text):
        if _GAP.fullmatch(piece) or not piece:
            gap += piece
            continue
        word = _decoded_word(piece)
        if not (after_word and word is not None):
            decoded += gap
        decoded += piece if word is None else word
        after_word, gap = word is not None, ""
    return decoded + gap


def _decoded_word(piece: str) -> str | None:
    """What an encoded word says; None for what is none."""
    found = _WORD.fullmatch(piece)
    if found is None:
        return None
    charset, encoding, encoded = found.groups()
    try:
        return _data(encoding.lower(), encoded.encode("ascii")).decode(charset, "replace")
    except (binascii.Error, LookupError, UnicodeError, ValueError):
        return None


def _data(encoding: str, encoded: bytes) -> bytes:
    if encoding == "b":
        return base64.b64decode(encoded, validate=True)
    return _QUOTED.sub(lambda found: bytes.fromhex(found[1].decode()), encoded.replace(b"_", b" "))
