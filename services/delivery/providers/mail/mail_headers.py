"""Headers of an email (RFC 5322), encoded word by word (RFC 2047).

What callers say is text, never syntax: it comes back from a decoder as it was given, whatever it looks like, and adds
neither a header nor a line. So nothing here asks the standard library's ``email`` package, which decodes encoded words
that it finds in a text, and folds by rules that change with the version of Python. Needs the standard library alone.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence

#: A line that holds an encoded word has at most so many characters (RFC 2047, section 2).
LONGEST_LINE = 76
#: Name and value of a header that is not folded: a line has 998 characters at the most (RFC 5322, section 2.1.1).
LONGEST_PLAIN = 998 - len(": ")
#: A word that stands alone on its line, behind a space (ibid.).
LONGEST_WORD_ALONE = 997
#: Characters of one encoded word at the most (RFC 2047, section 2).
LONGEST_WORD = 75

_CHARSET = "utf-8"
#: Characters of a word that are not text: ``=?utf-8?q?`` and ``?=``.
_FRAME = len(f"=?{_CHARSET}?q??=")
#: Bytes that stand for themselves in the Q encoding; within names no others may (RFC 2047, section 5).
_PLAIN_BYTES = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/ ")
#: What the first of a header's words needs beside its name, or it begins on a line of its own.
_LEAST_ROOM = _FRAME + len("=F0=9F=8E=89")

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
#: Words of visible ASCII with one space between each two: what survives folding and unfolding as it is.
_SIMPLE = re.compile(r"[!-~]+(?: [!-~]+)*")
#: Words that need no quotes in a name (RFC 5322, section 3.2.3).
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_NEEDS_BACKSLASH = re.compile(r'(["\\])')


def text_header(name: str, text: str) -> str:
    """A header of free text, such as Subject, with the line ends within it and the one behind it."""
    text = carried(text)
    room = LONGEST_LINE - len(name) - len(": ")
    words = text.split(" ")
    if text and not (_is_simple(text) and max(map(len, words)) <= room):
        words = encoded_words(text, room)
    return folded(name, words)


def words_header(name: str, text: str) -> str:
    """A header of words that are not encoded, such as References; what is more than such words is text after all."""
    words = text.split(" ")
    fits = _is_simple(text) and max(map(len, words)) <= LONGEST_WORD_ALONE
    return folded(name, words) if fits else text_header(name, text)


def mailbox_header(name: str, display_name: str, address: str) -> str:
    """A header of one mailbox, such as From. ``address`` is a plain one; an empty ``display_name`` is left out."""
    return folded(name, mailbox(display_name, address, LONGEST_LINE - len(name) - len(": ")))


def addresses_header(name: str, addresses: Sequence[str]) -> str:
    """A header of several plain addresses, such as Cc."""
    return folded(name, [*(f"{one}," for one in addresses[:-1]), addresses[-1]])


def mailbox(display_name: str, address: str, room: int = LONGEST_WORD) -> list[str]:
    """One mailbox as words to be put together with single spaces or line breaks: ``Ada <ada@example.org>``."""
    return [*_phrase(carried(display_name), room), f"<{address}>"] if display_name else [address]


def encoded_words(text: str, room: int = LONGEST_WORD) -> list[str]:
    """``text`` as encoded words, white space and all; the first has at most ``room`` characters.

    No character is split, as each word is decoded for itself. Of the two encodings the shorter is taken.
    """
    quoted = sum(map(_quoted_size, text)) <= len(text.encode()) * 4 / 3
    size = _quoted_size if quoted else _utf8_size
    words, start, used, most = [], 0, 0, _capacity(room if room >= _LEAST_ROOM else LONGEST_WORD, quoted)
    for place, character in enumerate(text):
        if used + size(character) > most:
            words.append(_encoded_word(text[start:place], quoted))
            start, used, most = place, 0, _capacity(LONGEST_WORD, quoted)
        used += size(character)
    return [*words, _encoded_word(text[start:], quoted)]


def folded(name: str, words: Sequence[str]) -> str:
    """The header of these words, as many on a line as fit (RFC 5322, section 2.2.3)."""
    lines = [f"{name}:"]
    for word in words:
        if len(lines[-1]) + len(f" {word}") > LONGEST_LINE:
            lines.append("")
        lines[-1] += f" {word}"
    return "\r\n".join(lines) + "\r\n"


def plain_header(name: str, value: str) -> str:
    """A header in one line whose value programs made; raises ValueError for one that is not in visible ASCII."""
    if not _SIMPLE.fullmatch(value) or len(name) + len(value) > LONGEST_PLAIN:
        raise ValueError(f"{name} is no line of visible ASCII")
    return f"{name}: {value}\r\n"


def carried(text: str) -> str:
    """What an email can carry of ``text``: all but control characters and halves of characters.

    Both are refused where Pulse takes a text on; one that comes through cannot do harm here.
    """
    return text if text.isprintable() else _SURROGATE.sub("\ufffd", _CONTROLS.sub(" ", text))


def _phrase(text: str, room: int) -> list[str]:
    """A name: words as they are, in quotes, or encoded (RFC 5322, section 3.2.5)."""
    if _is_simple(text) and _ATOMS.fullmatch(text) and max(map(len, text.split(" "))) <= room:
        return text.split(" ")
    quoted = '"' + _NEEDS_BACKSLASH.sub(r"\\\1", text) + '"'
    return [quoted] if _is_simple(text) and len(quoted) <= room else encoded_words(text, room)


def _is_simple(text: str) -> bool:
    """Whether folding leaves it as it is, and no decoder finds in it what is not there."""
    return bool(_SIMPLE.fullmatch(text)) and "=?" not in text


def _capacity(length: int, quoted: bool) -> int:
    """Characters (Q) or bytes (B) that one encoded word of so many characters has room for."""
    room = length - _FRAME
    return room if quoted else room // 4 * 3


def _quoted_size(character: str) -> int:
    return 1 if ord(character) in _PLAIN_BYTES else 3 * _utf8_size(character)


def _utf8_size(character: str) -> int:
    return len(character.encode())


def _encoded_word(text: str, quoted: bool) -> str:
    data = text.encode()
    if quoted:
        encoded = "".join(chr(byte) if byte in _PLAIN_BYTES else f"={byte:02X}" for byte in data).replace(" ", "_")
    else:
        encoded = base64.b64encode(data).decode("ascii")
    return f"=?{_CHARSET}?{'q' if quoted else 'b'}?{encoded}?="
