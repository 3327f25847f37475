"""A small reader of email headers, written from RFC 5322 and RFC 2047 and from nothing of Pulse or the library."""

from __future__ import annotations

import base64
import re

#: RFC 2047, section 2: charset, encoding and text, none of which holds a space or a question mark.
WORD = re.compile(r"=\?([A-Za-z0-9-]+)\?([BbQq])\?([!->@-~]*)\?=")


def unfolded(head: bytes) -> list[tuple[str, str]]:
    """Names and values of a header block, in order, as RFC 5322 (section 2.2.3) unfolds them."""
    fields: list[tuple[str, str]] = []
    for line in head.decode("ascii").removesuffix("\r\n").split("\r\n"):
        if line[0] in " \t":
            name, value = fields.pop()
            fields.append((name, value + line))
        else:
            name, _, value = line.partition(":")
            fields.append((name, value))
    return [(name, value.removeprefix(" ")) for name, value in fields]


def decoded(value: str) -> str:
    """Free text: encoded words are decoded, and the white space between two of them is not there."""
    text, before, gap = "", None, ""
    for token in re.split(r"([ \t]+)", value):
        if not token.strip(" \t"):
            gap += token
            continue
        found = WORD.fullmatch(token)
        if not (found and before):
            text += gap
        text += _said(*found.groups()) if found else token
        before, gap = found, ""
    return text + gap


def mailbox(value: str) -> tuple[str, str]:
    """Display name and address of a value that must be exactly one mailbox."""
    quoted = re.fullmatch(r'"((?:[^"\\]|\\.)*)" <([^<>@\s]+@[^<>@\s]+)>', value)
    if quoted:
        return re.sub(r"\\(.)", r"\1", quoted[1]), quoted[2]
    phrase = re.fullmatch(r"(?:((?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+ )+)<)?([^<>@\s]+@[^<>@\s]+?)>?", value)
    assert phrase is not None, f"not one mailbox: {value}"
    words = (phrase[1] or "").removesuffix(" ")
    for word in filter(WORD.fullmatch, words.split(" ")):
        assert re.fullmatch(r"[A-Za-z0-9!*+/=_?-]*", word), "a name's encoded words hold no other characters"
    return decoded(words), phrase[2]


def _said(charset: str, encoding: str, text: str) -> str:
    """Strict: each word must be whole characters by itself."""
    if encoding in "Bb":
        data = base64.b64decode(text, validate=True)
    else:
        plain = text.replace("_", " ").encode("ascii")
        data = re.sub(rb"=([0-9A-F]{2})", lambda found: bytes([int(found[1], 16)]), plain)
    return data.decode(charset, "strict")
