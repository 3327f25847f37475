"""The filter ``date``: which texts it takes for a date, and how it writes one.

Only forms that mean one day to everybody are taken. ``03.04.2026`` is in March for some and in April for others,
``10:30`` and ``May`` have no day at all; these are refused. What is given without a time zone is taken as UTC, and no
time zone is changed.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable

from shared.text.liquid.bounds import STEP, Budget, charge_text
from shared.text.liquid.unfit_value import UnfitValue
from shared.text.liquid.words import text_of

#: Longest format, characters.
MAX_FORMAT = 256
#: Fewest digits of a text that is a Unix timestamp; shorter ones may be a year or 20260403.
_TIMESTAMP_DIGITS = 9

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<name>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_WEEKDAY = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?,? )?"
_DAY = r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>[0-9]{4})"
_CLOCK = (
    r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?"
    r"(?: ?(?P<half>[ap]m))?"
)
_ZONE = r"(?: ?(?P<zone>z|utc|gmt|[+-][0-9]{2}(?::?[0-9]{2})?))?"
_TIME = rf"(?:(?:t|,? (?:at )?){_CLOCK}{_ZONE})?"
_FORMS = tuple(
    re.compile(form)
    for form in (
        rf"{_YEAR}(?P<sep>[-/])(?P<month>[0-9]{{1,2}})(?P=sep)(?P<day>[0-9]{{1,2}}){_TIME}",
        rf"{_WEEKDAY}{_DAY}[ -]{_MONTH},?[ -]{_YEAR}{_TIME}",
        rf"{_WEEKDAY}{_MONTH} {_DAY},? {_YEAR}{_TIME}",
        rf"{_WEEKDAY}{_MONTH} {_DAY} {_CLOCK}{_ZONE} {_YEAR}",
    )
)
#: Longest text that may be a date, characters.
_MAX_DATE = 64

_DIRECTIVE = re.compile(r"%([-_0^#:]*)([0-9]{0,2})([A-Za-z%+])")
#: What Python's strftime writes alike on every system; the rest is made here.
_PLAIN = frozenset("aAbBdHIjmMpSuUVwWyG")
_MADE_OF = {
    "c": "%a %b %e %H:%M:%S %Y",
    "D": "%m/%d/%y",
    "F": "%Y-%m-%d",
    "h": "%b",
    "r": "%I:%M:%S %p",
    "R": "%H:%M",
    "T": "%H:%M:%S",
    "v": "%e-%b-%Y",
    "x": "%m/%d/%y",
    "X": "%H:%M:%S",
    "+": "%a %b %e %H:%M:%S %Z %Y",
}
_MADE: dict[str, Callable[[dt.datetime], str]] = {
    "C": lambda at: f"{at.year // 100:02d}",
    "e": lambda at: f"{at.day:2d}",
    "g": lambda at: f"{at.isocalendar().year % 100:02d}",
    "k": lambda at: f"{at.hour:2d}",
    "l": lambda at: f"{(at.hour - 1) % 12 + 1:2d}",
    "L": lambda at: f"{at.microsecond // 1000:03d}",
    "n": lambda at: "\n",
    "N": lambda at: f"{at.microsecond:06d}000",
    "P": lambda at: "am" if at.hour < 12 else "pm",
    "s": lambda at: str(int(at.timestamp() // 1)),
    "t": lambda at: "\t",
    "Y": lambda at: f"{at.year:04d}",
    "z": lambda at: at.strftime("%z"),
    "Z": lambda at: at.strftime("%Z").removeprefix("UTC") or "UTC",
    "%": lambda at: "%",
}


def date(budget: Budget, left: object, form: object) -> object:
    """``left`` written by strftime's ``form``. Null and blank stay so, and an empty form changes nothing."""
    wanted = text_of(form, budget)
    if len(wanted) > MAX_FORMAT:
        raise UnfitValue("RENDER_FAILED", f"is a format of more than {MAX_FORMAT} characters", 1)
    if isinstance(left, str):
        charge_text(budget, len(left), 2)
    if left is None or not wanted or (isinstance(left, str) and not left.strip()):
        return left
    budget.charge(4 * STEP)
    moment = moment_of(left)
    written = _written(moment, str(wanted), budget)
    return type(wanted)(written)  # the template's own text is safe in HTML, and so is what is made of it


def moment_of(value: object) -> dt.datetime:
    """The moment, with its time zone. Raises UnfitValue with NOT_A_DATE or AMBIGUOUS_DATE."""
    if isinstance(value, dt.datetime):
        return _with_zone(value)
    if isinstance(value, dt.date):
        return dt.datetime.combine(value, dt.time.min, dt.UTC)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _of_timestamp(value)
    if isinstance(value, str):
        text = value.strip()
        return _read(" ".join(text.lower().split()) if len(text) <= _MAX_DATE else "")
    raise _no_date()


def _of_timestamp(seconds: float) -> dt.datetime:
    try:
        return dt.datetime.fromtimestamp(seconds, dt.UTC)
    except (OverflowError, ValueError, OSError):
        raise _no_date() from None


def _read(text: str) -> dt.datetime:
    if text in ("now", "today"):
        return dt.datetime.now(dt.UTC)
    if re.fullmatch("[0-9]+", text):
        if len(text) < _TIMESTAMP_DIGITS and text != "0":
            raise UnfitValue("AMBIGUOUS_DATE", "may be a day or a timestamp; write 2026-04-03")
        return _of_timestamp(int(text))
    for form in _FORMS:
        if found := form.fullmatch(text):
            return _moment(found.groupdict())
    if re.match(r"[0-9]{1,2}([./-])[0-9]{1,2}\1[0-9]{2,4}(?![0-9])", text):
        raise UnfitValue(
            "AMBIGUOUS_DATE", "may be of two days, as day and month may stand either way; write 2026-04-03"
        )
    raise _no_date()


def _moment(parts: dict[str, str | None]) -> dt.datetime:
    name = parts.get("name")
    month = _MONTHS.index(name[:3]) + 1 if name else int(parts["month"] or 0)
    try:
        return dt.datetime(
            int(parts["year"] or 0),
            month,
            int(parts["day"] or 0),
            _hour(int(parts["hour"] or 0), parts["half"]),
            int(parts["minute"] or 0),
            int(parts["second"] or 0),
            int((parts["fraction"] or "0").ljust(6, "0")[:6]),
            _zone(parts["zone"]),
        )
    except ValueError:
        raise _no_date() from None


def _hour(hour: int, half: str | None) -> int:
    if half is None:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError
    return hour % 12 + (12 if half == "pm" else 0)


def _zone(zone: str | None) -> dt.timezone:
    if zone is None or zone in ("z", "utc", "gmt"):
        return dt.UTC
    digits = zone[1:].replace(":", "").ljust(4, "0")
    offset = dt.timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return dt.timezone(-offset if zone[0] == "-" else offset)


def _with_zone(moment: dt.datetime) -> dt.datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _no_date() -> UnfitValue:
    return UnfitValue("NOT_A_DATE", "is not a date; write 2026-04-03, 2026-04-03T10:30:00Z or a Unix timestamp")


def _written(moment: dt.datetime, form: str, budget: Budget) -> str:
    return _DIRECTIVE.sub(lambda found: _directive(moment, budget, *found.groups()), form)


def _directive(moment: dt.datetime, budget: Budget, flags: str, width: str, letter: str) -> str:
    budget.charge(2 * STEP)
    if letter in _MADE_OF:
        text = _written(moment, _MADE_OF[letter], budget)
    elif letter in _MADE:
        text = _MADE[letter](moment)
    elif letter in _PLAIN:
        text = moment.strftime(f"%{letter}")
    else:
        return f"%{flags}{width}{letter}"  # as it stands, as Liquid leaves it
    return _dressed(text, flags, width, letter)


def _dressed(text: str, flags: str, width: str, letter: str) -> str:
    """With strftime's flags: no padding, padding by blanks or zeros, capitals, a colon in the zone; and its width."""
    if letter == "z" and ":" in flags:
        return f"{text[:3]}:{text[3:]}"
    if letter in "LN" and width:
        return text.ljust(int(width), "0")[: int(width)]
    is_number = text.strip().isdigit()
    if "-" in flags:
        return text.lstrip(" 0") or "0" if is_number else text
    if is_number and ("_" in flags or "0" in flags):
        text = (text.lstrip(" 0") or "0").rjust(len(text), " " if "_" in flags else "0")
    if "^" in flags:
        text = text.upper()
    elif "#" in flags:
        text = text.swapcase()
    if width:
        text = text.rjust(int(width), "0" if is_number and "_" not in flags and letter not in "ekl" else " ")
    return text
