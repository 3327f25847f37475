"""What a value looks like when it is printed: as Liquid says, never as Python would."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterable, Mapping
from decimal import Decimal

from liquid.undefined import is_undefined
from markupsafe import Markup

from shared.text.liquid.bounds import ELEMENT, MAX_OUTPUT, Budget, charge_text, too_much


def text_of(value: object, budget: Budget) -> str:
    """``value`` as text: null is blank, a list its elements one after the other, an object JSON.

    Raises UndefinedError for a variable that the context does not hold.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return decimal_text(value)
    if is_undefined(value):
        return str(value)  # raises, by the variable's name
    if isinstance(value, list | tuple):
        return _in_one(list(_texts(value, budget)))
    if isinstance(value, dict):
        return _json(value, budget)
    if isinstance(value, range):
        return f"{value.start}..{value.stop - 1}"
    if isinstance(value, dt.datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S %z").rstrip()
    if isinstance(value, dt.date):
        return value.isoformat()
    return ""  # null, and what is Liquid's own: empty, blank, forloop


def _in_one(texts: list[str]) -> str:
    """One after the other; what is HTML already stays so, and makes the others HTML."""
    return Markup("").join(texts) if any(isinstance(text, Markup) for text in texts) else "".join(texts)


def _texts(values: Iterable[object], budget: Budget) -> Iterable[str]:
    length = 0
    for value in values:
        budget.charge(3 * ELEMENT)
        text = text_of(value, budget)
        length += len(text)
        if length > MAX_OUTPUT:
            raise too_much()
        charge_text(budget, len(text))
        yield text


def decimal_text(number: float) -> str:
    """Plain digits, always with a point: 0.0000001, 1000000000000000000000.0. Infinity and NaN are too large."""
    if not math.isfinite(number):  # a literal of many digits
        raise too_much()
    digits = format(Decimal(repr(number)), "f")
    if digits.strip("-0.") == "":
        return "0.0"
    return digits if "." in digits else f"{digits}.0"


def _json(value: object, budget: Budget) -> str:
    parts: list[str] = []
    _write_json(value, parts, budget)
    return "".join(parts)


def _write_json(value: object, parts: list[str], budget: Budget) -> None:
    budget.charge(6 * ELEMENT)
    if isinstance(value, Mapping):
        parts.append("{")
        for n, (key, inner) in enumerate(value.items()):
            parts.append(f"{',' if n else ''}{_quoted(str(key), budget)}:")
            _write_json(inner, parts, budget)
        parts.append("}")
    elif isinstance(value, list | tuple | range):
        parts.append("[")
        for n, inner in enumerate(value):
            parts.append("," if n else "")
            _write_json(inner, parts, budget)
        parts.append("]")
    elif value is None:
        parts.append("null")
    elif isinstance(value, bool | int | float):
        parts.append(text_of(value, budget))
    else:
        parts.append(_quoted(text_of(value, budget), budget))


def _quoted(text: str, budget: Budget) -> str:
    charge_text(budget, len(text), 8)
    budget.charge(2 * ELEMENT)
    return json.dumps(str(text), ensure_ascii=False)
