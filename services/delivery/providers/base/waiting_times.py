"""How long a mail server asks to be left alone, as its texts word it: SMTP has no field for it. Pure."""

from __future__ import annotations

import re

#: Longer waits are taken for this, s.
LONGEST = 24 * 3600.0

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_WORDS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "five": 5, "ten": 10, "fifteen": 15, "thirty": 30}
_NUMBER = rf"(?:[0-9]{{1,6}}(?:\.[0-9]{{1,3}})?|\b(?:{'|'.join(_WORDS)})\b)"
_UNIT = r"(?:sec(?:ond)?s?|s|min(?:ute)?s?|m|h(?:ou)?rs?|h|days?|d|weeks?|w)(?![a-z])"
_PART = re.compile(rf"({_NUMBER})[\s-]*({_UNIT})", re.IGNORECASE)
#: "5 min", "1h30m", "4 minutes and 30 seconds", "delay:5min"; not the end of a clock's time.
_LENGTH = re.compile(
    rf"(?<![\w.])(?<![\d:]:){_PART.pattern}(?:(?:\s*,?\s*and\s+|[\s,]*){_PART.pattern})*", re.IGNORECASE
)
#: "00:04:59"; a time of day is told by the date before it or the zone after it.
_CLOCK = re.compile(
    r"(?<![\w.:-])(?<!\d\s)(\d{1,3}):([0-5]\d):([0-5]\d)(?![\w.:]|\s*(?:UTC|GMT|[AP]M\b|[+-]\d{4}))", re.IGNORECASE
)
#: "Retry-After: 120", "delay=300": seconds, where no unit follows.
_FIELD = re.compile(
    rf"\b(?:retry[-_ ]?after|delay|wait)\s*[:=]\s*(\d{{1,6}})(?![\w:]|\.\d|[\s-]*(?:{_UNIT}|milli|ms\b))", re.IGNORECASE
)

#: A length of time is a wait where its sentence leads up to it so, or goes on so: others are limits and ages.
_LEADS_UP = re.compile(
    r"\b(?:in|after|for|wait|again|back|retry(?:_?after)?|later|delay\w*|defer\w*|another|least|next)\b.{0,60}$",
    re.IGNORECASE,
)
_GOES_ON = re.compile(r"\s*(?:more|later|left|remain\w*|until|and (?:re)?try|before (?:re)?try\w*)\b", re.IGNORECASE)
#: "100 emails in 60 minutes" is a limit. In "per hour, retry in 5 minutes" the 5 are none: they are parted from it, or
#: a word for coming again leads up to them.
_COME_AGAIN = r"\b(?:(?:re-?)?try|again|wait|after|back|later|delay|defer)"
_LIMIT = re.compile(
    r"\b(?:e?-?mail|message|connection|recipient|error|request)s? (?:in|per|within|for)\b"
    rf"(?:(?!{_COME_AGAIN})[^,;.!?\n\u2013\u2014-]){{0,20}}$",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.;!?]\s")
_GREYLISTED = re.compile(r"gr[ae]y[- ]?list", re.IGNORECASE)


def read(text: str) -> float | None:
    """The wait that ``text`` asks for, s, :data:`LONGEST` at the most; None if it tells none."""
    found = [
        *((field.start(), float(field[1])) for field in _FIELD.finditer(text)),
        *((clock.start(), _of_clock(clock)) for clock in _CLOCK.finditer(text) if _is_wait(text, clock)),
        *((length.start(), _of_length(length[0])) for length in _LENGTH.finditer(text) if _is_wait(text, length)),
    ]
    return min(min(found)[1], LONGEST) if found else None


def is_greylisting(text: str) -> bool:
    """Whether ``text`` says that whoever is unknown has to come again."""
    return _GREYLISTED.search(text) is not None


def _is_wait(text: str, length: re.Match[str]) -> bool:
    before = _SENTENCE_END.split(text[: length.start()])[-1]
    if _LIMIT.search(before):
        return False
    leads_up = _LEADS_UP.search(before) is not None or is_greylisting(text[: length.start()])
    return leads_up or _GOES_ON.match(text, length.end()) is not None


def _of_clock(clock: re.Match[str]) -> float:
    return int(clock[1]) * 3600.0 + int(clock[2]) * 60.0 + int(clock[3])


def _of_length(text: str) -> float:
    return sum(_number(one[1]) * _UNITS[one[2][0].lower()] for one in _PART.finditer(text))


def _number(text: str) -> float:
    return float(_WORDS.get(text.lower()) or text)
