"""What of an exception may be told: its kinds and where it came from, never its words, which may quote a recipient."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from typing import Any

#: Most exceptions told of one chain or group, and most frames of each: the innermost ones.
MOST_ERRORS = 10
MOST_FRAMES = 30


def told(error: BaseException) -> list[dict[str, Any]]:
    """``error`` first, then what caused it and what its group holds: each one's ``type`` and its ``frames``.

    Frames are ``file:line function``, the innermost last. Neither messages nor notes nor lines of source are told.
    """
    return [
        {"type": kind(one), "frames": _frames(one)} for one, _ in zip(_all(error), range(MOST_ERRORS), strict=False)
    ]


def kind(error: BaseException) -> str:
    """The name of its class, with the module's unless it is Python's own."""
    made_by = type(error)
    return made_by.__qualname__ if made_by.__module__ == "builtins" else f"{made_by.__module__}.{made_by.__qualname__}"


def _all(error: BaseException) -> Iterator[BaseException]:
    """An exception, its members, and its cause or else what was being handled; each once."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions
        waiting.append(one.__cause__ or (None if one.__suppress_context__ else one.__context__))


def _frames(error: BaseException) -> list[str]:
    walked = [
        f"{frame.f_code.co_filename}:{line} {frame.f_code.co_name}"
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    return walked[-MOST_FRAMES:]
