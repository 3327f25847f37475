"""JSON of which nothing is lost: a name that stands twice in an object, of which one would win, is refused."""

from __future__ import annotations

import json
from typing import Any


class BadJson(Exception):
    """No JSON; the text says why."""


def loads(text: str) -> Any:
    """The value. Raises :class:`BadJson`."""
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise BadJson(f"{error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise BadJson("it is nested too deeply") from None
    except ValueError:
        raise BadJson("it holds a number of too many digits") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        raise BadJson(f"{next(name for name in names if names.count(name) > 1)!r} stands twice in one object")
    return made


def _no_number(name: str) -> Any:
    raise BadJson(f"{name} is no number")
