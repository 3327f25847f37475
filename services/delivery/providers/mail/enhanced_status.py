"""Enhanced status codes of mail servers (RFC 3463), 5.1.1 say: read at their place and nowhere else."""

from __future__ import annotations

import re

_NUMBER = "(?:0|[1-9][0-9]{0,2})"
_FORM = re.compile(rf"([245])\.({_NUMBER})\.({_NUMBER})")
#: At the beginning of a line, and alone: an address such as 5.1.1.20 is none.
_AT_ITS_PLACE = re.compile(rf"{_FORM.pattern}(?=[ \t]|$)")


def read(code: int, text: str) -> str:
    """The status that ``text``, a reply's lines without their codes, begins with; empty if there is none.

    A server that gives one writes it directly after the reply code, on every line (RFC 2034, section 4), with the
    code's own first digit for its class. Lines that contradict each other say nothing.
    """
    first, *others = [_at_its_place(code, line) for line in text.split("\n")]
    return first if all(other in (first, "") for other in others) else ""


def is_well_formed(status: str) -> bool:
    """Whether ``status`` has the form of one."""
    return _FORM.fullmatch(status) is not None


def detail(status: str) -> str:
    """What it is about, without its class: 1.1 of 5.1.1 and of 4.1.1."""
    return status[2:]


def _at_its_place(code: int, line: str) -> str:
    found = _AT_ITS_PLACE.match(line)
    return found[0] if found is not None and found[1] == str(code)[0] else ""
