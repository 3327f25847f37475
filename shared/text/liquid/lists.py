"""The filters of lists. A text, number or object stands for a list of one, null for an empty list."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from liquid.undefined import is_undefined
from markupsafe import Markup
from markupsafe import escape as escaped

from shared.text.liquid.bounds import ELEMENT, MAX_ELEMENTS, Budget, charge_elements, charge_text, too_much
from shared.text.liquid.comparing import charge_whole, equal
from shared.text.liquid.numbers import Number, number_of
from shared.text.liquid.unfit_value import UnfitValue
from shared.text.liquid.words import text_of

#: Stands for an argument that was not given.
_ABSENT = object()


def elements(value: object, budget: Budget) -> list[object]:
    """``value`` as a list, lists within it taken apart."""
    if value is None:
        return []
    if not isinstance(value, list | tuple | range):
        return [value]
    flat: list[object] = []
    for element in _flat(value, budget):
        flat.append(element)
        if len(flat) > MAX_ELEMENTS:
            raise too_much()
    return flat


def _flat(values: list[object] | tuple[object, ...] | range, budget: Budget) -> Iterator[object]:
    for value in values:
        budget.charge(ELEMENT)
        if isinstance(value, list | tuple):
            yield from _flat(value, budget)
        else:
            yield value


def _property(element: object, key: str) -> object:
    return element.get(key) if isinstance(element, dict) else None


def _join(budget: Budget, left: object, glue: object = " ") -> str:
    texts = [text_of(element, budget) for element in elements(left, budget)]
    between = text_of(glue, budget)
    charge_elements(budget, len(texts))
    charge_text(budget, sum(len(text) for text in texts) + len(between) * len(texts))
    if any(isinstance(text, Markup) for text in texts):
        between = escaped(between)
    return between.join(texts)


def _first(budget: Budget, left: object) -> object:
    if isinstance(left, dict):
        return next(iter(left.items()), None)
    return left[0] if isinstance(left, list | tuple | range) and left else None


def _last(budget: Budget, left: object) -> object:
    return left[-1] if isinstance(left, list | tuple | range) and left else None


def _size(budget: Budget, left: object) -> int:
    return len(left) if isinstance(left, str | list | tuple | dict | range) else 0


def _concat(budget: Budget, left: object, more: object) -> list[object]:
    if not isinstance(more, list | tuple | range):
        raise UnfitValue("RENDER_FAILED", "is not a list", 1)
    if len(more) > MAX_ELEMENTS:
        raise too_much()
    together = [*elements(left, budget), *more]
    charge_elements(budget, len(together))
    return together


def _map(budget: Budget, left: object, key: object) -> list[object]:
    name = text_of(key, budget)
    values = elements(left, budget)
    charge_elements(budget, len(values))
    return [_property(element, name) for element in values]


def _reverse(budget: Budget, left: object) -> list[object]:
    return elements(left, budget)[::-1]


def _matches(budget: Budget, left: object, key: object, value: object) -> Iterator[tuple[object, bool]]:
    """Each element, and whether its property is ``value``, or without one, is neither null nor false."""
    name = text_of(key, budget)
    each = (2 if value is _ABSENT else 8) * ELEMENT
    for element in elements(left, budget):
        budget.charge(each)
        held = _property(element, name)
        if value is _ABSENT or value is None:
            yield element, held is not None and held is not False
        else:
            yield element, equal(held, value, budget)


def _where(budget: Budget, left: object, key: object, value: object = _ABSENT) -> list[object]:
    return [element for element, does in _matches(budget, left, key, value) if does]


def _reject(budget: Budget, left: object, key: object, value: object = _ABSENT) -> list[object]:
    return [element for element, does in _matches(budget, left, key, value) if not does]


def _find(budget: Budget, left: object, key: object, value: object = _ABSENT) -> object:
    return next((element for element, does in _matches(budget, left, key, value) if does), None)


def _find_index(budget: Budget, left: object, key: object, value: object = _ABSENT) -> int | None:
    found = (n for n, (_, does) in enumerate(_matches(budget, left, key, value)) if does)
    return next(found, None)


def _has(budget: Budget, left: object, key: object, value: object = _ABSENT) -> bool:
    return any(does for _, does in _matches(budget, left, key, value))


def _compact(budget: Budget, left: object, key: object = _ABSENT) -> list[object]:
    return [element for element, value in _with_values(budget, left, key) if value is not None]


def _uniq(budget: Budget, left: object, key: object = _ABSENT) -> list[object]:
    seen: dict[object, object] = {}
    known: dict[int, object] = {}
    for element, value in _with_values(budget, left, key):
        if id(value) not in known:
            known[id(value)] = _identity(value, budget)
        seen.setdefault(known[id(value)], element)
    return list(seen.values())


def _identity(value: object, budget: Budget) -> object:
    """What is the same for equal values only, and can be looked up at once."""
    if isinstance(value, str):
        charge_text(budget, len(value))
        return str(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return (type(value), _sorted_json(value, budget))
    return value


def _sorted_json(value: object, budget: Budget) -> str:
    charge_whole(value, budget)
    return json.dumps(value, sort_keys=True, default=str)


def _sort(budget: Budget, left: object, key: object = _ABSENT) -> list[object]:
    """From the least; null and what lacks the property come last. Only numbers, or texts, can be sorted."""
    pairs = [(value, element) for element, value in _with_values(budget, left, key)]
    values = [value for value, _ in pairs if value is not None]
    if not (_all_texts(values) or _all_numbers(values)):
        raise UnfitValue("RENDER_FAILED", "holds what cannot be sorted, as it is not all numbers or all texts")
    _charge_sort(budget, values)
    pairs.sort(key=lambda pair: (pair[0] is None, 0 if pair[0] is None else pair[0]))
    return [element for _, element in pairs]


def _sort_natural(budget: Budget, left: object, key: object = _ABSENT) -> list[object]:
    """As sort, whatever the case; everything is taken as text."""
    pairs = [
        (None if value is None else str(text_of(value, budget)).lower(), element)
        for element, value in _with_values(budget, left, key)
    ]
    _charge_sort(budget, [value for value, _ in pairs if value is not None])
    pairs.sort(key=lambda pair: (pair[0] is None, pair[0] or ""))
    return [element for _, element in pairs]


def _all_texts(values: list[object]) -> bool:
    return all(isinstance(value, str) for value in values)


def _all_numbers(values: list[object]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _charge_sort(budget: Budget, values: list[object]) -> None:
    """n log n comparisons, each as dear as the longest text."""
    longest = max((len(value) for value in values if isinstance(value, str)), default=0)
    charge_elements(budget, len(values), len(values).bit_length() * (1 + longest // 256) + ELEMENT)


def _sum(budget: Budget, left: object, key: object = _ABSENT) -> int | float:
    """Of all numbers; null and what lacks the property count nothing."""
    total: Number = 0
    for _, value in _with_values(budget, left, key):
        budget.charge(2 * ELEMENT)
        total += 0 if value is None else number_of(value)
    return total if isinstance(total, int) else float(total)


def _with_values(budget: Budget, left: object, key: object) -> Iterator[tuple[object, object]]:
    """Each element and its property ``key``, or without one, itself."""
    name = None if key is _ABSENT or key is None else text_of(key, budget)
    for element in elements(left, budget):
        budget.charge(2 * ELEMENT)
        yield element, element if name is None else _property(element, name)


def default(budget: Budget, left: object, instead: object = "", *, allow_false: object = False) -> object:
    """``instead`` of a missing variable, null, false, or an empty text, list or object."""
    if is_undefined(left) or left is None or (left is False and allow_false is not True):
        return instead
    return instead if isinstance(left, str | list | tuple | dict) and not left else left


FILTERS: dict[str, Callable[..., object]] = {
    "compact": _compact,
    "concat": _concat,
    "find": _find,
    "find_index": _find_index,
    "first": _first,
    "has": _has,
    "join": _join,
    "last": _last,
    "map": _map,
    "reject": _reject,
    "reverse": _reverse,
    "size": _size,
    "sort": _sort,
    "sort_natural": _sort_natural,
    "sum": _sum,
    "uniq": _uniq,
    "where": _where,
}
