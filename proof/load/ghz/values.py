"""How the values of a ghz configuration are read: each reader is given a key, for its complaint, and a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from proof.load.ghz import durations


class BadConfig(ValueError):
    """The configuration cannot be run; the text names the key and says why."""


def text(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise BadConfig(f"{key} must be text")
    return value


def flag(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise BadConfig(f"{key} must be true or false")
    return value


def whole(key: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadConfig(f"{key} must be a whole number")
    return value


def count(key: str, value: object) -> int:
    if whole(key, value) < 0:
        raise BadConfig(f"{key} must not be negative")
    return whole(key, value)


def duration(key: str, value: object) -> float:
    try:
        return durations.seconds(text(key, value))
    except ValueError as error:
        raise BadConfig(f"{key}: {error}") from None


def texts(key: str, value: object) -> Mapping[str, str]:
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise BadConfig(f"{key} must be an object of texts")
    return value


def paths(key: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise BadConfig(f"{key} must be a list of texts")
    return tuple(text(key, one) for one in value)


def data(key: str, value: object) -> tuple[Mapping[str, Any], ...]:
    listed: Sequence[object] = value if isinstance(value, list) else [value]
    if not listed or not all(isinstance(one, dict) for one in listed):
        raise BadConfig(f"{key} must be an object, or a list of objects that is not empty")
    return tuple(one for one in listed if isinstance(one, dict))


def one_of(*allowed: str) -> Callable[[str, object], str]:
    def read(key: str, value: object) -> str:
        if value not in allowed:
            raise BadConfig(f"{key} must be one of {', '.join(filter(None, allowed))}, not {value!r}")
        return str(value)

    return read
