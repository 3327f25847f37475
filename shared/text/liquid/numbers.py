"""Numbers, and the filters that reckon with them. A text that is no number is refused, and so is null: never 0."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal

from shared.text.liquid.bounds import MAX_DIGITS, MAX_NUMBER, Budget, too_much
from shared.text.liquid.unfit_value import UnfitValue

Number = int | Decimal

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
#: Longest text that is looked at, with the space around its number.
_LONGEST_TEXT = 1_024
#: Most decimals a number is rounded to.
_MAX_DECIMALS = 30


def number_of(value: object, place: int = 0) -> Number:
    """``value`` as a whole or decimal number; a text may be one too, with or without space around it.

    Raises UnfitValue with NOT_A_NUMBER, ResourceLimitError for one beyond the bound.
    """
    number: Number
    if isinstance(value, bool):
        raise _no_number(place)
    if isinstance(value, int):
        number = value
    elif isinstance(value, float) and math.isfinite(value):
        number = Decimal(repr(value))
    elif isinstance(value, str) and len(value) <= _LONGEST_TEXT:
        number = _read(value.strip(), place)
    else:
        raise _no_number(place)
    return _bounded(number)


def whole_of(value: object, place: int) -> int:
    """As number_of, for a count or a position; a fraction is refused."""
    number = number_of(value, place)
    if number != int(number):
        raise UnfitValue("NOT_A_NUMBER", "is not a whole number", place)
    return int(number)


def _read(text: str, place: int) -> Number:
    if len(text) > MAX_DIGITS:
        raise too_much() if _NUMBER.fullmatch(text) else _no_number(place)
    if not _NUMBER.fullmatch(text):
        raise _no_number(place)
    return int(text) if text.lstrip("+-").isdigit() else Decimal(text)


def _no_number(place: int) -> UnfitValue:
    return UnfitValue("NOT_A_NUMBER", "is not a number", place)


def _bounded(number: Number) -> Number:
    if not -MAX_NUMBER <= number <= MAX_NUMBER:
        raise too_much()
    return number


def _told(number: Number) -> int | float:
    number = _bounded(number)
    return number if isinstance(number, int) else float(number)


def _of_one(reckon: Callable[[Number], Number]) -> Callable[..., int | float]:
    def filter_(budget: Budget, left: object) -> int | float:
        return _told(reckon(number_of(left)))

    return filter_


def _of_two(reckon: Callable[[Number, Number], Number]) -> Callable[..., int | float]:
    def filter_(budget: Budget, left: object, other: object) -> int | float:
        return _told(reckon(number_of(left), number_of(other, 1)))

    return filter_


def _divided(number: Number, by: Number) -> Number:
    _not_zero(by)
    if isinstance(number, int) and isinstance(by, int):
        return number // by
    return Decimal(number) / by


def _modulo(number: Number, by: Number) -> Number:
    """What is left of a division that rounds down, also below zero."""
    _not_zero(by)
    if isinstance(number, int) and isinstance(by, int):
        return number % by
    left = Decimal(number) % by
    return left + by if left and (left < 0) != (by < 0) else left


def _not_zero(by: Number) -> None:
    if not by:
        raise UnfitValue("DIVIDED_BY_ZERO", "is zero, which nothing can be divided by", 1)


def _round(budget: Budget, left: object, decimals: object = 0) -> int | float:
    """Halves are rounded away from zero, as people do."""
    number = number_of(left)
    places = max(-_MAX_DECIMALS, min(whole_of(decimals, 1), _MAX_DECIMALS))
    if isinstance(number, int) and places >= 0:
        return number
    rounded = _rounded(Decimal(number), places)
    return _told(rounded if places > 0 else int(rounded))


def _rounded(number: Decimal, places: int) -> Decimal:
    unit = Decimal(1).scaleb(-places)
    if number.as_tuple().exponent >= -places:  # type: ignore[operator]  # a finite number's exponent is an int
        return number
    return (number / unit).to_integral_value(ROUND_HALF_UP) * unit


FILTERS: dict[str, Callable[..., object]] = {
    "abs": _of_one(lambda number: -number if number < 0 else number),
    "ceil": _of_one(math.ceil),
    "floor": _of_one(math.floor),
    "at_least": _of_two(max),
    "at_most": _of_two(min),
    "plus": _of_two(lambda a, b: a + b),
    "minus": _of_two(lambda a, b: a - b),
    "times": _of_two(lambda a, b: a * b),
    "divided_by": _of_two(_divided),
    "modulo": _of_two(_modulo),
    "round": _round,
}
