"""A batch file's text: which encoding it is in, told by its first bytes, and its lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

#: Byte order marks and the encodings they stand for, the longer first.
MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
#: How files begin that are no text at all, and what they are.
NO_TEXT = (
    (b"PK\x03\x04", "is a spreadsheet or an archive"),
    (b"\xd0\xcf\x11\xe0", "is a spreadsheet"),
    (b"\x1f\x8b", "is compressed"),
)
#: What stands for bytes that are not UTF-8.
_UNREADABLE = re.compile("[\udc80-\udcff]")
_NOT_UTF8 = "is not UTF-8 text: save it as CSV UTF-8 or JSON Lines"


class BadFile(Exception):
    """A file that cannot be read as what it is named; the text is one sentence that says what to change."""


@contextmanager
def opened(path: Path) -> Iterator[IO[str]]:
    """The file as text, line ends as they are. Raises :class:`BadFile` for what is none, OSError if it is not there."""
    with path.open(newline="", encoding=_encoding(path), errors="surrogateescape") as text:
        try:
            yield text
        except UnicodeError:
            raise BadFile(f"{path} {_NOT_UTF8}") from None


def unreadable(text: str) -> bool:
    """Whether it came of bytes that are not in the file's encoding."""
    return _UNREADABLE.search(text) is not None


def _encoding(path: Path) -> str:
    with path.open("rb") as content:
        begin = content.read(512)
    for mark, encoding in MARKS:
        if begin.startswith(mark):
            return encoding
    for mark, kind in NO_TEXT:
        if begin.startswith(mark):
            raise BadFile(f"{path} {kind}: save it as CSV UTF-8 or JSON Lines")
    if any(half.count(0) * 2 > len(half) for half in (begin[::2], begin[1::2])):  # as of Latin letters in UTF-16
        raise BadFile(f"{path} looks like UTF-16 without its mark: save it as UTF-8")
    return "utf-8"
