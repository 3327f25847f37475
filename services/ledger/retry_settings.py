"""Retry policies as they are written in a setting: ``sms:base=5,cap=600;smtp:max=8;recipient:growth=3``."""

from __future__ import annotations

from collections.abc import Callable

from services.ledger.rules.retry import SITUATIONS, RetryOverride

_FIELDS: dict[str, tuple[str, Callable[[str], float | int]]] = {
    "base": ("base", float),
    "cap": ("cap", float),
    "growth": ("growth", float),
    "max": ("max_attempts", int),
}
#: The longest wait that can be set, s: a day.
_LONGEST_WAIT = 86_400
_MOST_GROWTH = 100
#: Stands in the sentence that says what is wrong.
_EXAMPLE = "write sms:base=5,cap=600;smtp:max=8"


def parse(text: str) -> dict[str, RetryOverride]:
    """What each channel, provider or situation has differently, by name in lower case. ValueError says why not."""
    overrides: dict[str, RetryOverride] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, colon, fields = part.partition(":")
        name = name.strip().lower()
        if not (name and colon and fields.strip()):
            raise ValueError(f"{part!r} names no channel, provider or situation with its values; {_EXAMPLE}")
        if name in overrides:
            raise ValueError(f"{name!r} is there twice")
        overrides[name] = dict(_field(name, field) for field in fields.split(","))
    return overrides


def _field(name: str, text: str) -> tuple[str, float | int]:
    key, _, value = (part.strip() for part in text.partition("="))
    if key not in _FIELDS:
        raise ValueError(f"{name}: there is no {key!r}: base, cap (both in s), growth, max (attempts); {_EXAMPLE}")
    if key == "max" and name in SITUATIONS:
        raise ValueError(f"{name}: max is for channels and providers")
    field, convert = _FIELDS[key]
    try:
        number = convert(value)
    except ValueError:
        raise ValueError(f"{name}: {key}={value} is no number; {_EXAMPLE}") from None
    if not 0 < number <= _LONGEST_WAIT:
        raise ValueError(f"{name}: {key}={value} must be above 0, and {_LONGEST_WAIT:,} at the most")
    if key == "growth" and not 1 <= number <= _MOST_GROWTH:
        raise ValueError(f"{name}: growth={value} must be 1 to {_MOST_GROWTH}")
    return field, number
